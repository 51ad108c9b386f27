/* envelope.c - see envelope.h.
 *
 * 1. Keys are part of the wire format: never reused, never of another type.
 * 2. Numbers in the header have a fixed width, so that it can be written before what it heads. */
#include "common/mesh/envelope.h"

enum header_key {
    HEADER_VERSION = 1,
    HEADER_PROCESS = 2,
    HEADER_ROLE = 3,
    HEADER_NUMBER = 4,
    HEADER_METADATA_VERSION = 5,
    HEADER_TO = 6,
};

enum envelope_key {
    KEY_KIND = 1,
    KEY_CALL = 2,
    KEY_METHOD = 3,
    KEY_SHARD = 4,
    KEY_REMAINING_MS = 5,
    KEY_ERR = 6,
    KEY_DETAIL_TEXT = 7,
    KEY_DETAIL_TYPE = 8,
    KEY_DETAIL_PAYLOAD = 9,
    KEY_UNDELIVERED = 10,
    KEY_BODY = 11,
};

enum { FIXMAP = 0x80, BIN32 = 0xc6, UINT32 = 0xce, UINT64 = 0xcf, MAP_ENTRIES_MAX = 64 };

/* -- writing -------------------------------------------------------------------------------- */

static uint8_t *put_u32(uint8_t *at, uint8_t key, uint32_t value)
{
    *at++ = key;
    *at++ = UINT32;
    be32_put(at, value);
    return at + 4;
}

static uint8_t *put_u64(uint8_t *at, uint8_t key, uint64_t value)
{
    *at++ = key;
    *at++ = UINT64;
    be64_put(at, value);
    return at + 8;
}

static uint8_t *put_bytes_head(uint8_t *at, uint8_t key, size_t len)
{
    must(len <= UINT32_MAX);
    *at++ = key;
    *at++ = BIN32;
    be32_put(at, (uint32_t)len);
    return at + 4;
}

static uint8_t *put_bytes(uint8_t *at, uint8_t key, struct slice value)
{
    at = put_bytes_head(at, key, value.len);
    if (value.len)
        memcpy(at, value.ptr, value.len);
    return at + value.len;
}

void mesh_header_write(uint8_t at[MESH_HEADER_BYTES], const struct mesh_header *header)
{
    uint8_t *const start = at;

    *at++ = FIXMAP | 6;
    *at++ = HEADER_VERSION;
    *at++ = (uint8_t)header->version;
    at = put_u64(at, HEADER_PROCESS, header->process);
    *at++ = HEADER_ROLE;
    *at++ = (uint8_t)header->role;
    at = put_u64(at, HEADER_NUMBER, header->number);
    must(header->version < 128 && header->role < 128 && header->metadata_version >= 0);
    at = put_u64(at, HEADER_METADATA_VERSION, (uint64_t)header->metadata_version);
    at = put_u64(at, HEADER_TO, header->to);
    must(at - start == MESH_HEADER_BYTES);
}

size_t envelope_bytes_max(const struct envelope *envelope, size_t body_bytes)
{
    return 128 + envelope->detail_text.len + envelope->detail_type.len +
           envelope->detail_payload.len + envelope->undelivered.len + body_bytes;
}

void envelope_write(struct buf *out, const struct envelope *envelope, const struct slice *parts,
                    size_t count)
{
    size_t body_bytes = 0;

    for (size_t i = 0; i < count; i++)
        body_bytes += parts[i].len;
    if (!buf_reserve(out, envelope_bytes_max(envelope, body_bytes)))
        return;

    uint8_t *at = out->ptr + out->len;
    uint8_t *const start = at;
    uint8_t entries = 3;
    at++;
    *at++ = KEY_KIND;
    *at++ = (uint8_t)envelope->kind;
    at = put_u64(at, KEY_CALL, envelope->call);
    at = put_u32(at, KEY_SHARD, envelope->shard);
    if (envelope->method) {
        at = put_u32(at, KEY_METHOD, envelope->method);
        entries++;
    }
    if (envelope->kind == ENVELOPE_CALL) {
        must(envelope->remaining_ms >= 0);
        at = put_u64(at, KEY_REMAINING_MS, (uint64_t)envelope->remaining_ms);
        entries++;
    }
    if (envelope->err != ERR_OK) {
        at = put_bytes(at, KEY_ERR, slice_str(err_name(envelope->err)));
        at = put_bytes(at, KEY_DETAIL_TEXT, envelope->detail_text);
        entries = (uint8_t)(entries + 2);
    }
    if (envelope->detail_type.len) {
        at = put_bytes(at, KEY_DETAIL_TYPE, envelope->detail_type);
        at = put_bytes(at, KEY_DETAIL_PAYLOAD, envelope->detail_payload);
        entries = (uint8_t)(entries + 2);
    }
    if (envelope->undelivered.len) {
        at = put_bytes(at, KEY_UNDELIVERED, envelope->undelivered);
        entries++;
    }
    if (body_bytes) {
        at = put_bytes_head(at, KEY_BODY, body_bytes);
        for (size_t i = 0; i < count; i++) {
            if (parts[i].len)
                memcpy(at, parts[i].ptr, parts[i].len);
            at += parts[i].len;
        }
        entries++;
    }
    must(entries < 16);
    *start = (uint8_t)(FIXMAP | entries);
    out->len = (size_t)(at - out->ptr);
    must(out->len <= out->cap);
}

/* -- reading -------------------------------------------------------------------------------- */

struct reader {
    const uint8_t *at, *end;
    bool bad;
};

enum token_type { TOKEN_BAD, TOKEN_UINT, TOKEN_BYTES, TOKEN_ARRAY, TOKEN_MAP, TOKEN_OTHER };

struct token {
    enum token_type type;
    uint64_t number; /* value, or count of elements */
    struct slice bytes;
};

static size_t left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

static bool take_be(struct reader *r, size_t width, uint64_t *out)
{
    uint64_t value = 0;

    if (left(r) < width)
        return false;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | *r->at++;
    *out = value;
    return true;
}

static struct token take_bytes(struct reader *r, uint64_t len)
{
    if (len > left(r))
        return (struct token){.type = TOKEN_BAD};
    const struct slice bytes = slice_of(r->at, (size_t)len);
    r->at += len;
    return (struct token){.type = TOKEN_BYTES, .bytes = bytes};
}

static struct token take_fixed(struct reader *r, uint64_t len)
{
    struct token token = take_bytes(r, len);

    if (token.type == TOKEN_BYTES)
        token.type = TOKEN_OTHER;
    return token;
}

/* A container's elements take at least a byte each: a count beyond the bytes left is a lie. */
static struct token container(struct reader *r, enum token_type type, uint64_t count)
{
    if (count > left(r))
        return (struct token){.type = TOKEN_BAD};
    return (struct token){.type = type, .number = count};
}

static struct token next_wide(struct reader *r, uint8_t head)
{
    uint64_t n = 0;

    switch (head) {
    case 0xc0: /* nil */
    case 0xc2: /* false */
    case 0xc3: /* true */
        return (struct token){.type = TOKEN_OTHER};
    case 0xc4: /* bin 8, 16, 32 */
    case 0xc5:
    case 0xc6:
        if (!take_be(r, (size_t)1 << (head - 0xc4), &n))
            break;
        return take_bytes(r, n);
    case 0xd9: /* str 8, 16, 32 */
    case 0xda:
    case 0xdb:
        if (!take_be(r, (size_t)1 << (head - 0xd9), &n))
            break;
        return take_bytes(r, n);
    case 0xc7: /* ext 8, 16, 32: a type byte follows the length */
    case 0xc8:
    case 0xc9:
        if (!take_be(r, (size_t)1 << (head - 0xc7), &n))
            break;
        return take_fixed(r, n + 1);
    case 0xca: /* float */
        return take_fixed(r, 4);
    case 0xcb: /* double */
        return take_fixed(r, 8);
    case 0xcc: /* uint 8, 16, 32, 64 */
    case 0xcd:
    case 0xce:
    case 0xcf:
        if (!take_be(r, (size_t)1 << (head - 0xcc), &n))
            break;
        return (struct token){.type = TOKEN_UINT, .number = n};
    case 0xd0: /* int 8, 16, 32, 64 */
    case 0xd1:
    case 0xd2:
    case 0xd3:
        return take_fixed(r, (uint64_t)1 << (head - 0xd0));
    case 0xd4: /* fixext 1, 2, 4, 8, 16 */
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
        return take_fixed(r, ((uint64_t)1 << (head - 0xd4)) + 1);
    case 0xdc: /* array 16, 32 */
    case 0xdd:
        if (!take_be(r, head == 0xdc ? 2 : 4, &n))
            break;
        return container(r, TOKEN_ARRAY, n);
    case 0xde: /* map 16, 32 */
    case 0xdf:
        if (!take_be(r, head == 0xde ? 2 : 4, &n))
            break;
        return container(r, TOKEN_MAP, n);
    default:
        break;
    }
    return (struct token){.type = TOKEN_BAD};
}

static struct token next(struct reader *r)
{
    if (r->bad || r->at == r->end) {
        r->bad = true;
        return (struct token){.type = TOKEN_BAD};
    }
    const uint8_t head = *r->at++;
    struct token token;
    if (head < 0x80)
        token = (struct token){.type = TOKEN_UINT, .number = head};
    else if (head < 0x90)
        token = container(r, TOKEN_MAP, head & 0x0f);
    else if (head < 0xa0)
        token = container(r, TOKEN_ARRAY, head & 0x0f);
    else if (head < 0xc0)
        token = take_bytes(r, head & 0x1f);
    else if (head >= 0xe0)
        token = (struct token){.type = TOKEN_OTHER};
    else
        token = next_wide(r, head);
    if (token.type == TOKEN_BAD)
        r->bad = true;
    return token;
}

/* What follows `token` and belongs to it; iterative: `open` counts the values still to come. */
static void skip_rest(struct reader *r, struct token token)
{
    uint64_t open = 1;

    for (;;) {
        if (token.type == TOKEN_ARRAY)
            open += token.number;
        else if (token.type == TOKEN_MAP)
            open += 2 * token.number;
        open--;
        if (open == 0 || r->bad)
            return;
        if (open > left(r)) {
            r->bad = true;
            return;
        }
        token = next(r);
    }
}

static uint64_t map_entries(struct reader *r)
{
    const struct token head = next(r);

    if (head.type != TOKEN_MAP || head.number > MAP_ENTRIES_MAX)
        r->bad = true;
    return r->bad ? 0 : head.number;
}

/* The key of the next entry and its value, complete. */
static uint64_t next_entry(struct reader *r, struct token *value)
{
    const struct token key = next(r);

    *value = next(r);
    if (key.type != TOKEN_UINT)
        r->bad = true;
    skip_rest(r, *value);
    return r->bad ? 0 : key.number;
}

static uint64_t as_number(struct reader *r, const struct token *value, uint64_t max)
{
    if (value->type != TOKEN_UINT || value->number > max)
        r->bad = true;
    return r->bad ? 0 : value->number;
}

static struct slice as_bytes(struct reader *r, const struct token *value)
{
    if (value->type != TOKEN_BYTES)
        r->bad = true;
    return r->bad ? SLICE_EMPTY : value->bytes;
}

static struct reader reader_of(struct slice bytes)
{
    return (struct reader){.at = bytes.ptr, .end = bytes.ptr + bytes.len, .bad = bytes.len == 0};
}

enum err mesh_header_read(struct slice *bytes, struct mesh_header *out)
{
    struct reader r = reader_of(*bytes);
    struct token value;

    *out = (struct mesh_header){0};
    for (uint64_t n = map_entries(&r); n > 0 && !r.bad; n--) {
        switch (next_entry(&r, &value)) {
        case HEADER_VERSION:
            out->version = (uint32_t)as_number(&r, &value, UINT32_MAX);
            break;
        case HEADER_PROCESS:
            out->process = as_number(&r, &value, UINT64_MAX);
            break;
        case HEADER_ROLE:
            out->role = (uint32_t)as_number(&r, &value, UINT32_MAX);
            break;
        case HEADER_NUMBER:
            out->number = as_number(&r, &value, UINT64_MAX);
            break;
        case HEADER_METADATA_VERSION:
            out->metadata_version = (int64_t)as_number(&r, &value, INT64_MAX);
            break;
        case HEADER_TO:
            out->to = as_number(&r, &value, UINT64_MAX);
            break;
        default:
            break;
        }
    }
    if (r.bad || out->version == 0 || out->process == 0 || out->number == 0)
        return ERR_CORRUPT;
    *bytes = slice_of(r.at, left(&r));
    return ERR_OK;
}

/* A name that this version does not know is an internal error of the other side. */
static enum err err_of(struct slice name)
{
    for (int err = 0; err < ERR_COUNT; err++)
        if (slice_eq(name, slice_str(err_name((enum err)err))))
            return (enum err)err;
    return ERR_INTERNAL;
}

static void envelope_entry(struct reader *r, uint64_t key, const struct token *value,
                           struct envelope *out)
{
    switch (key) {
    case KEY_KIND:
        out->kind = (uint32_t)as_number(r, value, UINT32_MAX);
        break;
    case KEY_CALL:
        out->call = as_number(r, value, UINT64_MAX);
        break;
    case KEY_METHOD:
        out->method = (uint32_t)as_number(r, value, UINT32_MAX);
        break;
    case KEY_SHARD:
        out->shard = (uint32_t)as_number(r, value, UINT32_MAX);
        break;
    case KEY_REMAINING_MS:
        out->remaining_ms = (int64_t)as_number(r, value, INT64_MAX);
        break;
    case KEY_ERR:
        out->err = err_of(as_bytes(r, value));
        break;
    case KEY_DETAIL_TEXT:
        out->detail_text = as_bytes(r, value);
        break;
    case KEY_DETAIL_TYPE:
        out->detail_type = as_bytes(r, value);
        break;
    case KEY_DETAIL_PAYLOAD:
        out->detail_payload = as_bytes(r, value);
        break;
    case KEY_UNDELIVERED:
        out->undelivered = as_bytes(r, value);
        break;
    case KEY_BODY:
        out->body = as_bytes(r, value);
        break;
    default:
        break;
    }
}

enum err envelope_read(struct slice *bytes, struct envelope *out)
{
    struct reader r = reader_of(*bytes);
    struct token value;

    *out = (struct envelope){.shard = UINT32_MAX};
    for (uint64_t n = map_entries(&r); n > 0 && !r.bad; n--) {
        const uint64_t key = next_entry(&r, &value);

        if (!r.bad)
            envelope_entry(&r, key, &value, out);
    }
    if (r.bad || out->detail_type.len > MESH_DETAIL_TYPE_MAX)
        return ERR_CORRUPT;
    *bytes = slice_of(r.at, left(&r));
    return ERR_OK;
}
