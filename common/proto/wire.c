/* wire.c - writing and reading single protobuf fields; Timestamp and Duration. */
#include "common/proto/wire.h"

#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

/* ---- writing ---- */

static size_t varint_put(uint8_t out[10], uint64_t value)
{
    size_t n = 0;

    while (value >= 0x80) {
        out[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[n++] = (uint8_t)value;
    return n;
}

void wire_put_raw_varint(struct buf *buf, uint64_t value)
{
    uint8_t bytes[10];

    buf_append(buf, bytes, varint_put(bytes, value));
}

void wire_put_tag(struct buf *buf, uint32_t field, enum wire_type type)
{
    wire_put_raw_varint(buf, (uint64_t)field << 3 | type);
}

void wire_put_varint(struct buf *buf, uint32_t field, uint64_t value)
{
    wire_put_tag(buf, field, WIRE_VARINT);
    wire_put_raw_varint(buf, value);
}

void wire_put_bool(struct buf *buf, uint32_t field, bool value)
{
    wire_put_varint(buf, field, value);
}

static void put_little_endian(struct buf *buf, uint64_t value, size_t size)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    buf_append(buf, bytes, size);
}

void wire_put_fixed64(struct buf *buf, uint32_t field, uint64_t value)
{
    wire_put_tag(buf, field, WIRE_FIXED64);
    put_little_endian(buf, value, 8);
}

void wire_put_fixed32(struct buf *buf, uint32_t field, uint32_t value)
{
    wire_put_tag(buf, field, WIRE_FIXED32);
    put_little_endian(buf, value, 4);
}

size_t wire_head(uint8_t out[15], uint32_t field, size_t len)
{
    uint8_t bytes[10];
    const size_t tag = varint_put(bytes, (uint64_t)field << 3 | WIRE_BYTES);

    must(tag <= 5);
    memcpy(out, bytes, tag);
    const size_t size = varint_put(bytes, len);
    memcpy(out + tag, bytes, size);
    return tag + size;
}

void wire_put_bytes(struct buf *buf, uint32_t field, struct slice bytes)
{
    wire_put_tag(buf, field, WIRE_BYTES);
    wire_put_raw_varint(buf, bytes.len);
    buf_append_slice(buf, bytes);
}

void wire_put_str(struct buf *buf, uint32_t field, const char *text)
{
    if (text && *text)
        wire_put_bytes(buf, field, slice_str(text));
}

/* Seconds rounded down for a point in time, towards zero for a span, as each type demands. */
static void put_seconds_nanos(struct buf *buf, uint32_t field, int64_t seconds, int64_t nanos)
{
    uint8_t bytes[22];
    size_t n = 0;

    if (seconds) {
        bytes[n++] = 1 << 3 | WIRE_VARINT;
        n += varint_put(bytes + n, (uint64_t)seconds);
    }
    if (nanos) {
        bytes[n++] = 2 << 3 | WIRE_VARINT;
        n += varint_put(bytes + n, (uint64_t)nanos);
    }
    wire_put_bytes(buf, field, slice_of(bytes, n));
}

static void timestamp_split(int64_t wall_ns, int64_t *seconds, int64_t *nanos)
{
    *seconds = wall_ns / NS_PER_S;
    *nanos = wall_ns % NS_PER_S;
    if (*nanos < 0) {
        *nanos += NS_PER_S;
        *seconds -= 1;
    }
}

void wire_put_timestamp(struct buf *buf, uint32_t field, int64_t wall_ns)
{
    int64_t seconds, nanos;

    timestamp_split(wall_ns, &seconds, &nanos);
    put_seconds_nanos(buf, field, seconds, nanos);
}

void wire_put_duration(struct buf *buf, uint32_t field, int64_t ns)
{
    put_seconds_nanos(buf, field, ns / NS_PER_S, ns % NS_PER_S);
}

/* ---- reading ---- */

static bool varint_get(struct wire_reader *reader, uint64_t *out)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (reader->at == reader->end)
            return false;
        const uint8_t byte = *reader->at++;

        if (shift == 63 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return false;
}

static bool little_endian_get(struct wire_reader *reader, size_t size, uint64_t *out)
{
    uint64_t value = 0;

    if ((size_t)(reader->end - reader->at) < size)
        return false;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)reader->at[i] << (8 * i);
    reader->at += size;
    *out = value;
    return true;
}

static bool content_get(struct wire_reader *reader, struct wire_field *out)
{
    uint64_t len;

    switch (out->type) {
    case WIRE_VARINT:
        return varint_get(reader, &out->value);
    case WIRE_FIXED64:
        return little_endian_get(reader, 8, &out->value);
    case WIRE_FIXED32:
        return little_endian_get(reader, 4, &out->value);
    case WIRE_BYTES:
        if (!varint_get(reader, &len) || len > (uint64_t)(reader->end - reader->at))
            return false;
        out->bytes = slice_of(reader->at, (size_t)len);
        reader->at += len;
        return true;
    }
    return false; /* groups, and the two types that don't exist */
}

bool wire_next(struct wire_reader *reader, struct wire_field *out)
{
    const uint8_t *start = reader->at;
    uint64_t tag;

    if (reader->failed || reader->at == reader->end)
        return false;
    if (!varint_get(reader, &tag) || tag >> 3 == 0 || tag > UINT32_MAX)
        goto fail;
    out->number = (uint32_t)tag >> 3;
    out->type = (enum wire_type)(tag & 7);
    out->value = 0;
    out->bytes = SLICE_EMPTY;
    if (!content_get(reader, out))
        goto fail;
    out->raw = slice_of(start, (size_t)(reader->at - start));
    return true;

fail:
    reader->failed = true;
    return false;
}

struct slice wire_find_bytes(struct slice message, uint32_t number)
{
    struct wire_reader reader = wire_reader(message);
    struct slice found = SLICE_EMPTY;
    struct wire_field field;

    while (wire_next(&reader, &field))
        if (field.number == number && field.type == WIRE_BYTES)
            found = field.bytes;
    return reader.failed ? SLICE_EMPTY : found;
}

uint64_t wire_find_number(struct slice message, uint32_t number)
{
    struct wire_reader reader = wire_reader(message);
    struct wire_field field;
    uint64_t found = 0;

    while (wire_next(&reader, &field))
        if (field.number == number && field.type != WIRE_BYTES)
            found = field.value;
    return reader.failed ? 0 : found;
}

/* ---- UTF-8 ---- */

/* The length of the well-formed multi-byte sequence at `p`, 0 when it is none. */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
    const uint8_t lead = p[0];
    uint8_t low = 0x80, high = 0xbf; /* of the second byte */
    size_t len;

    if (lead >= 0xc2 && lead <= 0xdf) {
        len = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        len = 3;
        low = lead == 0xe0 ? 0xa0 : low;
        high = lead == 0xed ? 0x9f : high; /* no surrogates */
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        len = 4;
        low = lead == 0xf0 ? 0x90 : low;
        high = lead == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if (left < len || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

bool wire_utf8_ok(struct slice text)
{
    size_t i = 0;

    while (i < text.len) {
        uint64_t eight;

        if (text.len - i >= sizeof eight) {
            memcpy(&eight, text.ptr + i, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        if (text.ptr[i] < 0x80) {
            i++;
            continue;
        }
        const size_t len = utf8_sequence(text.ptr + i, text.len - i);

        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

/* ---- time ---- */

enum err proto_timestamp_ns(const Google__Protobuf__Timestamp *t, int64_t *out)
{
    int64_t ns;

    if (!t) {
        *out = 0;
        return ERR_OK;
    }
    if (t->nanos < 0 || t->nanos >= NS_PER_S || __builtin_mul_overflow(t->seconds, NS_PER_S, &ns) ||
        __builtin_add_overflow(ns, (int64_t)t->nanos, &ns))
        return ERR_INVALID;
    *out = ns;
    return ERR_OK;
}

enum err proto_duration_ns(const Google__Protobuf__Duration *d, int64_t *out)
{
    int64_t ns;

    if (!d) {
        *out = 0;
        return ERR_OK;
    }
    if (d->nanos <= -NS_PER_S || d->nanos >= NS_PER_S || (d->seconds > 0 && d->nanos < 0) ||
        (d->seconds < 0 && d->nanos > 0) || __builtin_mul_overflow(d->seconds, NS_PER_S, &ns) ||
        __builtin_add_overflow(ns, (int64_t)d->nanos, &ns))
        return ERR_INVALID;
    *out = ns;
    return ERR_OK;
}

int64_t proto_duration_ns_clip(const Google__Protobuf__Duration *d)
{
    int64_t ns;

    if (!d)
        return 0;
    if (__builtin_mul_overflow(d->seconds, NS_PER_S, &ns))
        return d->seconds < 0 ? INT64_MIN : INT64_MAX;
    if (__builtin_add_overflow(ns, (int64_t)d->nanos, &ns))
        return d->nanos < 0 ? INT64_MIN : INT64_MAX;
    return ns;
}

Google__Protobuf__Timestamp *proto_timestamp(struct arena *arena, int64_t wall_ns)
{
    Google__Protobuf__Timestamp *t = arena_alloc(arena, sizeof *t);
    int64_t seconds, nanos;

    google__protobuf__timestamp__init(t);
    timestamp_split(wall_ns, &seconds, &nanos);
    t->seconds = seconds;
    t->nanos = (int32_t)nanos;
    return t;
}

Google__Protobuf__Duration *proto_duration(struct arena *arena, int64_t ns)
{
    Google__Protobuf__Duration *d = arena_alloc(arena, sizeof *d);

    google__protobuf__duration__init(d);
    d->seconds = ns / NS_PER_S;
    d->nanos = (int32_t)(ns % NS_PER_S);
    return d;
}
