/* query.c - see query.h. */
#include "frontend/http/query.h"

#include "api.h"
#include "common/base/buf.h"
#include "common/proto/json.h"
#include "common/proto/json_read.h"
#include "common/proto/json_scalar.h"
#include "common/proto/types.h"
#include "common/proto/wire.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { DEPTH_MAX = 8 };

/* ---- parsing ---- */

enum err http_query_parse(struct arena *arena, struct slice text, struct http_query *out,
                          struct err_detail *detail)
{
    enum err err = ERR_OK;

    out->count = 0;
    while (text.len > 0) {
        const uint8_t *end = memchr(text.ptr, '&', text.len);
        struct slice key = slice_of(text.ptr, end ? (size_t)(end - text.ptr) : text.len);
        struct slice value = SLICE_EMPTY;

        text = end ? slice_of(end + 1, text.len - key.len - 1) : SLICE_EMPTY;
        if (key.len == 0)
            continue;
        if (out->count == HTTP_QUERY_MAX)
            return err_fail(detail, ERR_INVALID, "more than %d query parameters", HTTP_QUERY_MAX);
        if (memchr(key.ptr, ';', key.len)) {
            err = err_fail(detail, ERR_INVALID, "invalid semicolon separator in query");
            continue;
        }
        const uint8_t *equals = memchr(key.ptr, '=', key.len);
        if (equals) {
            value = slice_of(equals + 1, (size_t)(key.ptr + key.len - equals - 1));
            key.len = (size_t)(equals - key.ptr);
        }
        if (!http_unescape(arena, key, true, &out->keys[out->count]) ||
            !http_unescape(arena, value, true, &out->values[out->count])) {
            err = err_fail(detail, ERR_INVALID, "invalid URL escape in the query string");
            continue;
        }
        out->count++;
    }
    return err;
}

bool http_query_has(const struct http_query *query, const char *key)
{
    for (size_t i = 0; i < query->count; i++)
        if (slice_eq(query->keys[i], slice_str(key)))
            return true;
    return false;
}

/* ---- fields by path ---- */

struct field_path {
    const ProtobufCFieldDescriptor *fields[DEPTH_MAX];
    const ProtobufCMessageDescriptor *messages[DEPTH_MAX]; /* that they are of */
    size_t count;
};

/* false: the message has no such field; `*broken` is a name on the way that is no message. */
static bool resolve(const ProtobufCMessageDescriptor *desc, struct slice path,
                    struct field_path *out, struct slice *broken)
{
    *out = (struct field_path){0};
    *broken = SLICE_EMPTY;
    for (;;) {
        const uint8_t *dot = path.len ? memchr(path.ptr, '.', path.len) : NULL;
        const struct slice name = slice_of(path.ptr, dot ? (size_t)(dot - path.ptr) : path.len);
        const ProtobufCFieldDescriptor *field = json_field_of(desc, name);

        if (!field || out->count == DEPTH_MAX)
            return false;
        out->fields[out->count] = field;
        out->messages[out->count++] = desc;
        if (!dot)
            return true;
        if (field->type != PROTOBUF_C_TYPE_MESSAGE || field->label == PROTOBUF_C_LABEL_REPEATED) {
            *broken = name;
            return false;
        }
        desc = field->descriptor;
        path = slice_of(dot + 1, path.len - name.len - 1);
    }
}

/* Does setting `field` take the wire field `number` away? */
static bool displaces(const ProtobufCMessageDescriptor *desc, const ProtobufCFieldDescriptor *field,
                      uint32_t number)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return false;
    if (number == field->id)
        return true;
    const ProtobufCFieldDescriptor *other = protobuf_c_message_descriptor_get_field(desc, number);
    return other && other->flags & field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF &&
           other->quantifier_offset == field->quantifier_offset;
}

/* The message with `value` (whole fields) at the path's end. */
static struct slice with_field(struct arena *arena, const struct field_path *path, size_t at,
                               struct slice message, struct slice value)
{
    const ProtobufCFieldDescriptor *field = path->fields[at];
    struct wire_reader reader = wire_reader(message);
    struct wire_field wire;
    struct buf out;

    buf_init(&out, 0);
    while (wire_next(&reader, &wire))
        if (!displaces(path->messages[at], field, wire.number))
            buf_append_slice(&out, wire.raw);
    if (at + 1 < path->count)
        wire_put_bytes(&out, field->id,
                       with_field(arena, path, at + 1, wire_find_bytes(message, field->id), value));
    else
        buf_append_slice(&out, value);
    const struct slice result = arena_copy(arena, buf_slice(&out));
    buf_release(&out);
    return result;
}

struct slice http_set_param(struct arena *arena, const ProtobufCMessageDescriptor *desc,
                            struct slice message, const struct http_param *param)
{
    struct field_path path;
    struct slice broken;
    struct buf value;

    must(resolve(desc, param->field, &path, &broken)); /* it is of the schema */
    must(path.fields[path.count - 1]->type == PROTOBUF_C_TYPE_STRING);
    buf_init(&value, 0);
    if (param->value.len > 0)
        wire_put_bytes(&value, path.fields[path.count - 1]->id, param->value);
    const struct slice result = with_field(arena, &path, 0, message, buf_slice(&value));
    buf_release(&value);
    return result;
}

/* ---- values of a query string ---- */

struct text_value {
    struct arena *arena;
    const ProtobufCFieldDescriptor *field;
    struct slice text;
    struct buf *out;
    char *wrong; /* what is the matter with it */
};

static bool refuse(struct text_value *v, const char *format)
{
    const size_t len = v->text.len < 500 ? v->text.len : 500;
    char *text = arena_str(v->arena, slice_of(v->text.ptr, len));
    struct buf message;

    buf_init(&message, 0);
    for (; *format; format++)
        if (*format == '$') {
            buf_append(&message, "\"", 1);
            buf_append(&message, text, strlen(text));
            buf_append(&message, "\"", 1);
        } else {
            buf_append(&message, format, 1);
        }
    v->wrong = arena_str(v->arena, buf_slice(&message));
    buf_release(&message);
    return false;
}

static bool put_number(struct text_value *v, bool is_signed, bool narrow)
{
    const char *text = arena_str(v->arena, v->text);
    const size_t sign = text[0] == '+' || text[0] == '-';
    char *end;

    if (v->text.len == sign || strspn(text + sign, "0123456789") != v->text.len - sign ||
        (sign && !is_signed))
        return refuse(v, is_signed ? "strconv.ParseInt: parsing $: invalid syntax"
                                   : "strconv.ParseUint: parsing $: invalid syntax");
    errno = 0;
    const long long number = is_signed ? strtoll(text, &end, 10) : 0;
    const unsigned long long natural = is_signed ? 0 : strtoull(text, &end, 10);
    if (errno != 0 ||
        (narrow && (number < INT32_MIN || number > INT32_MAX || natural > UINT32_MAX)))
        return refuse(v, is_signed ? "strconv.ParseInt: parsing $: value out of range"
                                   : "strconv.ParseUint: parsing $: value out of range");
    const struct json_node node = {.kind = JSON_NUMBER,
                                   .raw = slice_str(is_signed
                                                        ? arena_printf(v->arena, "%lld", number)
                                                        : arena_printf(v->arena, "%llu", natural))};
    return json_scalar_put(v->field, &node, v->out);
}

static bool put_bool(struct text_value *v)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};

    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        const bool value = slice_eq(v->text, slice_str(yes[i]));

        if (value || slice_eq(v->text, slice_str(no[i]))) {
            wire_put_bool(v->out, v->field->id, value);
            return true;
        }
    }
    return refuse(v, "strconv.ParseBool: parsing $: invalid syntax");
}

static bool put_enum(struct text_value *v)
{
    const ProtobufCEnumDescriptor *desc = v->field->descriptor;
    const char *text = arena_str(v->arena, v->text);
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(desc, text);
    char *end;

    if (!value && v->text.len > 0 && v->text.len < 11) {
        const long number = strtol(text, &end, 10);

        if (*end == '\0')
            value = protobuf_c_enum_descriptor_get_value(desc, (int)number);
    }
    if (!value)
        return refuse(v, "$ is not a valid value");
    wire_put_varint(v->out, v->field->id, (uint64_t)(int64_t)value->value);
    return true;
}

static bool put_real(struct text_value *v)
{
    const struct json_node node = {.kind = JSON_STRING, .text = v->text};

    return json_scalar_put(v->field, &node, v->out) ||
           refuse(v, "strconv.ParseFloat: parsing $: invalid syntax");
}

/* Go's durations: "1h30m", "1.5s", "-5ms", "0". false: not one, or beyond int64 nanoseconds. */
static bool go_duration(struct slice text, int64_t *out_ns)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"ns", 1},   {"us", 1e3}, {"\xc2\xb5s", 1e3}, {"\xce\xbcs", 1e3},
                 {"ms", 1e6}, {"s", 1e9},  {"m", 60e9},        {"h", 3600e9}};
    const bool negative = text.len && *text.ptr == '-';
    double total = 0;

    if (text.len && (*text.ptr == '-' || *text.ptr == '+'))
        text = slice_of(text.ptr + 1, text.len - 1);
    if (text.len == 0)
        return false;
    if (slice_eq(text, SLICE_LIT("0"))) {
        *out_ns = 0;
        return true;
    }
    while (text.len > 0) {
        char number[64];
        size_t n = 0, unit_len = 0, unit = 0;

        while (n < text.len && n + 1 < sizeof number &&
               (text.ptr[n] == '.' || (text.ptr[n] >= '0' && text.ptr[n] <= '9'))) {
            number[n] = (char)text.ptr[n];
            n++;
        }
        number[n] = '\0';
        if (n == 0 || strchr(number, '.') != strrchr(number, '.') || strcmp(number, ".") == 0)
            return false;
        while (n + unit_len < text.len && text.ptr[n + unit_len] != '.' &&
               !(text.ptr[n + unit_len] >= '0' && text.ptr[n + unit_len] <= '9'))
            unit_len++;
        while (unit < COUNT_OF(units) &&
               !slice_eq(slice_of(text.ptr + n, unit_len), slice_str(units[unit].name)))
            unit++;
        if (unit == COUNT_OF(units))
            return false;
        total += strtod(number, NULL) * units[unit].ns;
        text = slice_of(text.ptr + n + unit_len, text.len - n - unit_len);
    }
    if (total >= 9.2e18)
        return false;
    *out_ns = (int64_t)(negative ? -total : total);
    return true;
}

static bool put_message(struct text_value *v)
{
    const ProtobufCMessageDescriptor *type = v->field->descriptor;
    struct buf inner;
    int64_t seconds, ns;
    int32_t nanos;

    buf_init(&inner, 0);
    if (type == &pb_timestamp__desc) {
        if (!json_read_timestamp(v->text, &seconds, &nanos)) {
            buf_release(&inner);
            return refuse(v, "parsing time $ as \"2006-01-02T15:04:05.999999999Z07:00\": cannot "
                             "parse $ as \"2006\"");
        }
        wire_put_varint(&inner, 1, (uint64_t)seconds);
        wire_put_varint(&inner, 2, (uint64_t)(int64_t)nanos);
    } else if (type == &pb_duration__desc) {
        if (!go_duration(v->text, &ns)) {
            buf_release(&inner);
            return refuse(v, "time: invalid duration $");
        }
        wire_put_varint(&inner, 1, (uint64_t)(ns / NS_PER_S));
        wire_put_varint(&inner, 2, (uint64_t)(ns % NS_PER_S));
    } else if (type == &pb_field_mask__desc) {
        wire_put_bytes(&inner, 1, v->text);
    } else {
        buf_release(&inner);
        v->wrong = arena_printf(v->arena, "unsupported message type: \"%s\"", type->name);
        return false;
    }
    wire_put_bytes(v->out, v->field->id, buf_slice(&inner));
    buf_release(&inner);
    return true;
}

static bool put_text(struct text_value *v)
{
    const struct json_node node = {.kind = JSON_STRING, .text = v->text};

    switch (v->field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return put_bool(v);
    case PROTOBUF_C_TYPE_ENUM:
        return put_enum(v);
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        return put_real(v);
    case PROTOBUF_C_TYPE_MESSAGE:
        return put_message(v);
    case PROTOBUF_C_TYPE_STRING:
        if (!wire_utf8_ok(v->text))
            return refuse(v, "invalid UTF-8");
        wire_put_bytes(v->out, v->field->id, v->text);
        return true;
    case PROTOBUF_C_TYPE_BYTES:
        return json_scalar_put(v->field, &node, v->out) ||
               refuse(v, "illegal base64 data at input byte 0");
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return put_number(v, false,
                          v->field->type == PROTOBUF_C_TYPE_UINT32 ||
                              v->field->type == PROTOBUF_C_TYPE_FIXED32);
    default:
        return put_number(v, true, v->field->type <= PROTOBUF_C_TYPE_SFIXED32);
    }
}

/* Is another case of the field's oneof set in the message that holds it? */
static bool oneof_is_set(const struct field_path *path, struct slice message)
{
    const ProtobufCFieldDescriptor *field = path->fields[path->count - 1];
    struct wire_field wire;

    for (size_t i = 0; i + 1 < path->count; i++)
        message = wire_find_bytes(message, path->fields[i]->id);
    if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
        return false;
    struct wire_reader reader = wire_reader(message);
    while (wire_next(&reader, &wire))
        if (displaces(path->messages[path->count - 1], field, wire.number))
            return true;
    return false;
}

static char *too_many(struct arena *arena, const struct http_query *query, size_t first,
                      const ProtobufCFieldDescriptor *field)
{
    struct buf text;

    buf_init(&text, 0);
    for (size_t i = first; i < query->count; i++)
        if (slice_eq(query->keys[i], query->keys[first])) {
            buf_append(&text, ", ", i > first ? 2 : 0);
            buf_append_slice(&text, query->values[i]);
        }
    char *result = arena_printf(arena, "too many values for field \"%s\": %s", field->name,
                                arena_str(arena, buf_slice(&text)));
    buf_release(&text);
    return result;
}

static enum err apply_key(struct arena *arena, const ProtobufCMessageDescriptor *desc,
                          const struct http_query *query, size_t first, struct slice *message,
                          struct err_detail *detail)
{
    const struct slice key = query->keys[first];
    struct field_path path;
    struct slice broken;
    struct buf value;
    size_t count = 0;

    if (!resolve(desc, key, &path, &broken))
        return broken.len ? err_fail(detail, ERR_INVALID, "invalid path: \"%.*s\" is not a message",
                                     (int)broken.len, (const char *)broken.ptr)
                          : ERR_OK;
    const ProtobufCFieldDescriptor *field = path.fields[path.count - 1];
    const ProtobufCMessageDescriptor *owner = path.messages[path.count - 1];
    if (oneof_is_set(&path, *message))
        return err_fail(detail, ERR_INVALID, "field already set for oneof \"%s\"",
                        proto_oneof_of(owner, field->id));
    buf_init(&value, 0);
    struct text_value v = {.arena = arena, .field = field, .out = &value};
    for (size_t i = first; i < query->count && !v.wrong; i++) {
        if (!slice_eq(query->keys[i], key))
            continue;
        v.text = query->values[i];
        if (proto_is_map(owner, field))
            v.wrong = arena_printf(arena, "maps are not read from query strings");
        else if (++count > 1 && field->label != PROTOBUF_C_LABEL_REPEATED)
            v.wrong = too_many(arena, query, first, field);
        else
            (void)put_text(&v);
    }
    if (!v.wrong)
        *message = with_field(arena, &path, 0, *message, buf_slice(&value));
    buf_release(&value);
    if (!v.wrong)
        return ERR_OK;
    if (count > 1 && field->label != PROTOBUF_C_LABEL_REPEATED)
        return err_fail(detail, ERR_INVALID, "%s", v.wrong);
    return err_fail(detail, ERR_INVALID, "parsing %s \"%s\": %s",
                    field->label == PROTOBUF_C_LABEL_REPEATED ? "list" : "field", field->name,
                    v.wrong);
}

/* Does the path give this field, or what holds it? */
static bool is_in_path(const struct http_match *match, struct slice key)
{
    for (size_t i = 0; i < match->param_count; i++) {
        const struct slice field = match->params[i].field;
        struct field_path of_key, of_param;
        struct slice broken;
        size_t same = 0;

        if (!resolve(match->route->request, key, &of_key, &broken) ||
            !resolve(match->route->request, field, &of_param, &broken))
            continue;
        while (same < of_key.count && same < of_param.count &&
               of_key.fields[same] == of_param.fields[same])
            same++;
        if (same == of_param.count)
            return true;
    }
    return false;
}

enum err http_query_apply(struct arena *arena, const struct http_match *match,
                          const struct http_query *query, struct slice *message,
                          struct err_detail *detail)
{
    for (size_t i = 0; i < query->count; i++) {
        bool seen = is_in_path(match, query->keys[i]);

        for (size_t k = 0; k < i && !seen; k++)
            seen = slice_eq(query->keys[k], query->keys[i]);
        if (seen)
            continue;
        const enum err err = apply_key(arena, match->route->request, query, i, message, detail);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}
