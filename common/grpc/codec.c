/* codec.c - see codec.h. */
#include "common/grpc/codec.h"

#include "common/proto/wire.h"

#include <stdio.h>
#include <zlib.h>

/* ---- grpc-timeout ---- */

static int64_t unit_ns(uint8_t unit)
{
    switch (unit) {
    case 'H':
        return 3600 * NS_PER_S;
    case 'M':
        return 60 * NS_PER_S;
    case 'S':
        return NS_PER_S;
    case 'm':
        return NS_PER_MS;
    case 'u':
        return 1000;
    case 'n':
        return 1;
    default:
        return 0;
    }
}

enum err grpc_timeout_parse(struct slice value, int64_t *out_ns, struct err_detail *detail)
{
    int64_t number = 0;

    if (value.len < 2 || value.len > 9)
        return err_fail(detail, ERR_INTERNAL,
                        "malformed grpc-timeout: transport: timeout string is too %s: \"" SLICE_FMT
                        "\"",
                        value.len < 2 ? "short" : "long", SLICE_ARG(value));
    const int64_t unit = unit_ns(value.ptr[value.len - 1]);

    if (unit == 0)
        return err_fail(detail, ERR_INTERNAL,
                        "malformed grpc-timeout: transport: timeout unit is not recognized: "
                        "\"" SLICE_FMT "\"",
                        SLICE_ARG(value));
    for (size_t i = 0; i + 1 < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return err_fail(detail, ERR_INTERNAL,
                            "malformed grpc-timeout: invalid number in \"" SLICE_FMT "\"",
                            SLICE_ARG(value));
        number = number * 10 + (value.ptr[i] - '0');
    }
    if (__builtin_mul_overflow(number, unit, out_ns))
        *out_ns = INT64_MAX;
    return ERR_OK;
}

/* ---- grpc-message ---- */

static bool is_plain(uint8_t byte)
{
    return byte >= ' ' && byte <= '~' && byte != '%';
}

static void put_percent(struct buf *out, uint8_t byte)
{
    static const char hex[] = "0123456789ABCDEF";
    const char text[3] = {'%', hex[byte >> 4], hex[byte & 15]};

    buf_append(out, text, sizeof text);
}

/* Bytes of the UTF-8 sequence at the start of `text`, 0 when it is malformed. */
static size_t sequence_len(struct slice text)
{
    for (size_t len = 1; len <= 4 && len <= text.len; len++)
        if (wire_utf8_ok(slice_of(text.ptr, len)))
            return len;
    return 0;
}

void grpc_message_encode(struct buf *out, struct slice text)
{
    size_t i = 0;

    while (i < text.len) {
        size_t plain = i;

        while (plain < text.len && is_plain(text.ptr[plain]))
            plain++;
        buf_append(out, text.ptr + i, plain - i);
        i = plain;
        if (i == text.len)
            break;
        const size_t len = sequence_len(slice_of(text.ptr + i, text.len - i));

        if (len == 0) {
            buf_append_slice(out, SLICE_LIT("%EF%BF%BD"));
            i++;
        }
        for (const size_t end = i + len; i < end; i++)
            put_percent(out, text.ptr[i]);
    }
}

/* ---- base64 ---- */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void grpc_base64_encode(struct buf *out, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i += 3) {
        const size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t group = (uint32_t)bytes.ptr[i] << 16;
        char text[4];

        if (n > 1)
            group |= (uint32_t)bytes.ptr[i + 1] << 8;
        if (n > 2)
            group |= bytes.ptr[i + 2];
        for (size_t k = 0; k < 4; k++)
            text[k] = base64_digits[group >> (18 - 6 * k) & 63];
        buf_append(out, text, n + 1);
    }
}

static int base64_value(uint8_t digit)
{
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    if (digit == '+')
        return 62;
    return digit == '/' ? 63 : -1;
}

bool grpc_base64_decode(struct buf *out, struct slice text)
{
    uint32_t group = 0;
    size_t bits = 0;

    if (text.len % 4 == 0)
        for (int i = 0; i < 2 && text.len && text.ptr[text.len - 1] == '='; i++)
            text.len--;
    if (text.len % 4 == 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const int value = base64_value(text.ptr[i]);

        if (value < 0)
            return false;
        group = (group << 6 | (uint32_t)value) & 0xfff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            const uint8_t byte = (uint8_t)(group >> bits);

            buf_append(out, &byte, 1);
        }
    }
    return true;
}

/* ---- google.rpc.Status ---- */

void grpc_status_encode(struct buf *out, enum grpc_status status, struct slice text,
                        const char *type, struct slice payload)
{
    struct buf any;
    char url[160];

    buf_init(&any, out->max_bytes);
    snprintf(url, sizeof url, "type.googleapis.com/%s", type);
    wire_put_str(&any, 1, url);
    if (payload.len)
        wire_put_bytes(&any, 2, payload);
    wire_put_varint(out, 1, status);
    if (text.len)
        wire_put_bytes(out, 2, text);
    wire_put_bytes(out, 3, buf_slice(&any));
    if (!buf_ok(&any))
        out->failed = true;
    buf_release(&any);
}

/* ---- gzip ---- */

enum {
    GZIP_WINDOW_BITS = 15 + 16, /* the largest window, with gzip's header and trailer */
    GZIP_MEMORY_LEVEL = 8,
};

/* Inflate until the end of the stream, or until `max_bytes` + 1 bytes have come out. */
static int inflate_all(z_stream *stream, struct buf *out, size_t max_bytes)
{
    int status = Z_OK;

    while (status == Z_OK && out->len <= max_bytes) {
        size_t room = out->cap ? out->cap : 16 * 1024;

        if (room > max_bytes + 1 - out->len)
            room = max_bytes + 1 - out->len;
        if (!buf_reserve(out, room))
            return Z_MEM_ERROR;
        stream->next_out = out->ptr + out->len;
        stream->avail_out = (uInt)room;
        status = inflate(stream, Z_NO_FLUSH);
        out->len += room - stream->avail_out;
        if (status == Z_BUF_ERROR)
            break;
    }
    return status;
}

enum err grpc_gunzip(struct arena *arena, struct slice packed, size_t max_bytes, struct slice *out,
                     struct err_detail *detail)
{
    enum err err = ERR_OK;
    struct buf text;
    z_stream stream = {0};

    if (packed.len > UINT32_MAX || inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK)
        return err_fail(detail, ERR_BUSY, "grpc: failed to decompress the message: no memory");
    buf_init(&text, max_bytes + 1);
    union {
        const uint8_t *in;
        uint8_t *next; /* zlib only reads */
    } input = {.in = packed.ptr};
    stream.next_in = input.next;
    stream.avail_in = (uInt)packed.len;
    const int status = inflate_all(&stream, &text, max_bytes);

    if (text.len > max_bytes)
        err = err_fail(detail, ERR_BUSY,
                       "grpc: received message after decompression larger than max %zu", max_bytes);
    else if (status != Z_STREAM_END)
        err = err_fail(detail, ERR_INTERNAL, "grpc: failed to read decompressed data: %s",
                       status == Z_DATA_ERROR ? "gzip: invalid data" : "unexpected EOF");
    else
        *out = arena_copy(arena, buf_slice(&text));
    inflateEnd(&stream);
    buf_release(&text);
    return err;
}

void grpc_gzip(struct buf *out, const struct slice *parts, size_t count)
{
    z_stream stream = {0};
    size_t left = 0;

    for (size_t i = 0; i < count; i++)
        left += parts[i].len;
    if (left > UINT32_MAX / 2 || deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW_BITS,
                                              GZIP_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        out->failed = true;
        return;
    }
    /* All of it fits after this, so that each part is one call. */
    const size_t bound = deflateBound(&stream, (uLong)left);

    if (buf_reserve(out, bound)) {
        stream.next_out = out->ptr + out->len;
        stream.avail_out = (uInt)bound;
        for (size_t i = 0; i < count; i++) {
            union {
                const uint8_t *in;
                uint8_t *next; /* zlib only reads */
            } input = {.in = parts[i].ptr};
            stream.next_in = input.next;
            stream.avail_in = (uInt)parts[i].len;
            must(parts[i].len == 0 || deflate(&stream, Z_NO_FLUSH) == Z_OK);
        }
        must(deflate(&stream, Z_FINISH) == Z_STREAM_END);
        out->len += bound - stream.avail_out;
    }
    deflateEnd(&stream);
}
