/* record.c - records over msgpack-c.
 *
 * The writer counts entries itself, so a record's map header is always the three-byte map16,
 * patched at its end. The reader first walks the bytes: msgpack-c allocates what a container
 * claims to hold, so a claim must be true before it sees it. Then it parses, and the top of the
 * tree is kept. */
#include "common/pack/record.h"

#include <msgpack.h>

enum { MAP16 = 0xde, LIST_MAX = 1 << 20, DEPTH_MAX = 16 };

struct rec_entry {
    msgpack_object_kv kv; /* the key is checked to be a positive integer */
};

static int write_to_buf(void *data, const char *bytes, size_t len)
{
    buf_append(data, bytes, len);
    return 0;
}

static msgpack_packer packer_of(struct rec_writer *w)
{
    return (msgpack_packer){.data = w->out, .callback = write_to_buf};
}

static void open_map(struct rec_writer *w)
{
    static const uint8_t header[3] = {MAP16, 0, 0};

    must(w->depth < COUNT_OF(w->count_at));
    w->count_at[w->depth] = w->out->len + 1;
    w->count[w->depth] = 0;
    w->depth++;
    buf_append(w->out, header, sizeof header);
}

void rec_begin(struct rec_writer *w, struct buf *out)
{
    *w = (struct rec_writer){.out = out};
    open_map(w);
}

void rec_end(struct rec_writer *w)
{
    must(w->depth > 0);
    w->depth--;
    const uint32_t count = w->count[w->depth];
    must(count <= UINT16_MAX);
    if (!buf_ok(w->out))
        return;
    w->out->ptr[w->count_at[w->depth]] = (uint8_t)(count >> 8);
    w->out->ptr[w->count_at[w->depth] + 1] = (uint8_t)count;
}

static msgpack_packer put_key(struct rec_writer *w, uint32_t key)
{
    msgpack_packer pk = packer_of(w);

    must(w->depth > 0);
    w->count[w->depth - 1]++;
    msgpack_pack_uint32(&pk, key);
    return pk;
}

void rec_put_u64(struct rec_writer *w, uint32_t key, uint64_t value)
{
    msgpack_packer pk = put_key(w, key);
    msgpack_pack_uint64(&pk, value);
}

void rec_put_i64(struct rec_writer *w, uint32_t key, int64_t value)
{
    msgpack_packer pk = put_key(w, key);
    msgpack_pack_int64(&pk, value);
}

void rec_put_bool(struct rec_writer *w, uint32_t key, bool value)
{
    msgpack_packer pk = put_key(w, key);
    if (value)
        msgpack_pack_true(&pk);
    else
        msgpack_pack_false(&pk);
}

static void pack_bytes(msgpack_packer *pk, struct slice value)
{
    msgpack_pack_bin(pk, value.len);
    if (value.len)
        msgpack_pack_bin_body(pk, value.ptr, value.len);
}

void rec_put_bytes(struct rec_writer *w, uint32_t key, struct slice value)
{
    msgpack_packer pk = put_key(w, key);
    pack_bytes(&pk, value);
}

void rec_put_str(struct rec_writer *w, uint32_t key, const char *text)
{
    if (text)
        rec_put_bytes(w, key, slice_str(text));
}

void rec_list(struct rec_writer *w, uint32_t key, uint32_t count)
{
    msgpack_packer pk = put_key(w, key);
    must(count <= LIST_MAX);
    msgpack_pack_array(&pk, count);
}

void rec_item(struct rec_writer *w)
{
    open_map(w);
}

void rec_elem_bytes(struct rec_writer *w, struct slice value)
{
    msgpack_packer pk = packer_of(w);
    pack_bytes(&pk, value);
}

/* -- reading -------------------------------------------------------------------------------- */

/* A record is looked at in place: its entries are the decoded map's. */
static bool is_record(const msgpack_object *o)
{
    if (o->type != MSGPACK_OBJECT_MAP)
        return false;
    for (uint32_t i = 0; i < o->via.map.size; i++)
        if (o->via.map.ptr[i].key.type != MSGPACK_OBJECT_POSITIVE_INTEGER)
            return false;
    return true;
}

static struct rec rec_of(const msgpack_object *map)
{
    return (struct rec){.entries = (const struct rec_entry *)(const void *)map->via.map.ptr,
                        .count = map->via.map.size};
}

/* Everything reachable from one decoded input, copied from msgpack's zone into the arena, so that
 * the zone can go at once. Byte strings are not copied: they point into the input. */
static enum err adopt(struct arena *arena, msgpack_object *o, int depth)
{
    if (depth > DEPTH_MAX)
        return ERR_CORRUPT;
    if (o->type == MSGPACK_OBJECT_ARRAY) {
        const uint32_t size = o->via.array.size;
        msgpack_object *copy = ARENA_ARRAY(arena, msgpack_object, size);

        for (uint32_t i = 0; i < size; i++) {
            copy[i] = o->via.array.ptr[i];
            if (adopt(arena, &copy[i], depth + 1) != ERR_OK)
                return ERR_CORRUPT;
        }
        o->via.array.ptr = copy;
    } else if (o->type == MSGPACK_OBJECT_MAP) {
        const uint32_t size = o->via.map.size;
        msgpack_object_kv *copy = ARENA_ARRAY(arena, msgpack_object_kv, size);

        for (uint32_t i = 0; i < size; i++) {
            copy[i] = o->via.map.ptr[i];
            if (adopt(arena, &copy[i].val, depth + 1) != ERR_OK)
                return ERR_CORRUPT;
        }
        o->via.map.ptr = copy;
    }
    return ERR_OK;
}

/* What one msgpack value is, from its first bytes. */
struct token {
    uint64_t header, body; /* bytes of it; the body of a container is its children */
    uint64_t children;
};

static uint64_t big_endian(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

/* Values of a fixed size, of sized bytes and of sized containers: 0xc0 to 0xdf. */
static bool read_sized_token(struct slice s, struct token *out)
{
    static const uint8_t fixed[32] = {
        [0x00] = 1, [0x02] = 1, [0x03] = 1, [0x0a] = 5, [0x0b] = 9,  [0x0c] = 2,
        [0x0d] = 3, [0x0e] = 5, [0x0f] = 9, [0x10] = 2, [0x11] = 3,  [0x12] = 5,
        [0x13] = 9, [0x14] = 3, [0x15] = 4, [0x16] = 6, [0x17] = 10, [0x18] = 18};
    static const struct {
        uint8_t count_bytes, extra, per_item;
    } sized[32] = {
        [0x04] = {1, 0, 0}, [0x05] = {2, 0, 0}, [0x06] = {4, 0, 0}, /* bin */
        [0x07] = {1, 1, 0}, [0x08] = {2, 1, 0}, [0x09] = {4, 1, 0}, /* ext */
        [0x19] = {1, 0, 0}, [0x1a] = {2, 0, 0}, [0x1b] = {4, 0, 0}, /* str */
        [0x1c] = {2, 0, 1}, [0x1d] = {4, 0, 1},                     /* array */
        [0x1e] = {2, 0, 2}, [0x1f] = {4, 0, 2},                     /* map */
    };
    const uint8_t type = s.ptr[0] & 0x1f;
    const size_t count_bytes = sized[type].count_bytes;

    if (fixed[type]) {
        *out = (struct token){.header = fixed[type]};
        return true;
    }
    if (count_bytes == 0 || s.len < 1 + count_bytes)
        return false;
    const uint64_t count = big_endian(s.ptr + 1, count_bytes);
    *out = (struct token){.header = 1 + count_bytes + sized[type].extra};
    if (sized[type].per_item)
        out->children = count * sized[type].per_item;
    else
        out->body = count;
    return true;
}

static bool read_token(struct slice s, struct token *out)
{
    const uint8_t lead = s.ptr[0];

    *out = (struct token){.header = 1};
    if (lead >= 0xc0 && lead < 0xe0)
        return read_sized_token(s, out);
    if (lead >= 0xa0 && lead < 0xc0) /* fixstr */
        out->body = lead & 0x1f;
    else if (lead >= 0x90 && lead < 0xa0) /* fixarray */
        out->children = lead & 0x0f;
    else if (lead >= 0x80 && lead < 0x90) /* fixmap */
        out->children = 2 * (uint64_t)(lead & 0x0f);
    return true;
}

/* One whole value and nothing behind it, every count true, not too deep. */
static bool is_sound(struct slice s)
{
    uint64_t left[DEPTH_MAX + 2] = {1}; /* values still to come at each depth */
    size_t depth = 0;

    for (;;) {
        struct token token;

        while (left[depth] == 0) {
            if (depth == 0)
                return s.len == 0;
            depth--;
        }
        if (s.len == 0 || !read_token(s, &token) || s.len < token.header + token.body)
            return false;
        s = slice_of(s.ptr + token.header + token.body, s.len - token.header - token.body);
        left[depth]--;
        if (token.children == 0)
            continue;
        if (token.children > s.len || depth + 1 >= COUNT_OF(left))
            return false;
        left[++depth] = token.children;
    }
}

enum err rec_decode(struct arena *arena, struct slice input, struct rec *out)
{
    msgpack_zone zone;
    msgpack_object object;
    size_t offset = 0;
    enum err err = ERR_CORRUPT;

    *out = (struct rec){0};
    if (!is_sound(input))
        return ERR_CORRUPT;
    if (!msgpack_zone_init(&zone, 2048))
        return ERR_NO_MEMORY;
    const msgpack_unpack_return result =
        msgpack_unpack((const char *)input.ptr, input.len, &offset, &zone, &object);
    if (result == MSGPACK_UNPACK_SUCCESS && offset == input.len) {
        err = adopt(arena, &object, 0);
        if (err == ERR_OK && !is_record(&object))
            err = ERR_CORRUPT;
        if (err == ERR_OK)
            *out = rec_of(&object);
    }
    msgpack_zone_destroy(&zone);
    return err;
}

static const msgpack_object *find(const struct rec *r, uint32_t key)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (r->entries[i].kv.key.via.u64 == key)
            return &r->entries[i].kv.val;
    return NULL;
}

static const msgpack_object *find_typed(struct rec *r, uint32_t key, msgpack_object_type type)
{
    const msgpack_object *o = find(r, key);

    if (o && o->type != type) {
        r->malformed = true;
        return NULL;
    }
    return o;
}

bool rec_has(const struct rec *r, uint32_t key)
{
    return find(r, key) != NULL;
}

uint64_t rec_u64(struct rec *r, uint32_t key, uint64_t absent)
{
    const msgpack_object *o = find_typed(r, key, MSGPACK_OBJECT_POSITIVE_INTEGER);

    return o ? o->via.u64 : absent;
}

int64_t rec_i64(struct rec *r, uint32_t key, int64_t absent)
{
    const msgpack_object *o = find(r, key);

    if (o && o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        return o->via.i64;
    if (o && o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 <= INT64_MAX)
        return (int64_t)o->via.u64;
    if (o)
        r->malformed = true;
    return absent;
}

bool rec_bool(struct rec *r, uint32_t key, bool absent)
{
    const msgpack_object *o = find_typed(r, key, MSGPACK_OBJECT_BOOLEAN);

    return o ? o->via.boolean : absent;
}

struct slice rec_bytes(struct rec *r, uint32_t key)
{
    const msgpack_object *o = find_typed(r, key, MSGPACK_OBJECT_BIN);

    return o ? slice_of(o->via.bin.ptr, o->via.bin.size) : SLICE_EMPTY;
}

const char *rec_str(struct rec *r, struct arena *arena, uint32_t key)
{
    const struct slice bytes = rec_bytes(r, key);

    if (bytes.len == 0)
        return "";
    if (memchr(bytes.ptr, 0, bytes.len)) {
        r->malformed = true;
        return "";
    }
    return arena_str(arena, bytes);
}

uint32_t rec_list_count(struct rec *r, uint32_t key)
{
    const msgpack_object *o = find_typed(r, key, MSGPACK_OBJECT_ARRAY);

    return o ? o->via.array.size : 0;
}

static const msgpack_object *list_at(struct rec *r, uint32_t key, uint32_t index)
{
    const msgpack_object *o = find_typed(r, key, MSGPACK_OBJECT_ARRAY);

    must(o != NULL && index < o->via.array.size);
    return &o->via.array.ptr[index];
}

struct rec rec_list_item(struct rec *r, uint32_t key, uint32_t index)
{
    const msgpack_object *o = list_at(r, key, index);

    if (!is_record(o)) {
        r->malformed = true;
        return (struct rec){0};
    }
    return rec_of(o);
}

struct slice rec_list_bytes(struct rec *r, uint32_t key, uint32_t index)
{
    const msgpack_object *o = list_at(r, key, index);

    if (o->type != MSGPACK_OBJECT_BIN) {
        r->malformed = true;
        return SLICE_EMPTY;
    }
    return slice_of(o->via.bin.ptr, o->via.bin.size);
}
