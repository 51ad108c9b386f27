/* record.c - records over msgpack-c.
 *
 * The writer counts entries itself, so a record's map header is always the three-byte map16,
 * patched at its end. The reader lets msgpack-c parse (its depth is bounded at 32 by the library)
 * and keeps the top of the tree. */
#include "common/pack/record.h"

#include <msgpack.h>

enum { MAP16 = 0xde, LIST_MAX = 1 << 20 };

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
    if (depth > 16)
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

enum err rec_decode(struct arena *arena, struct slice input, struct rec *out)
{
    msgpack_zone zone;
    msgpack_object object;
    size_t offset = 0;
    enum err err = ERR_CORRUPT;

    *out = (struct rec){0};
    if (input.len == 0)
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
