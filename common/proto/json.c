/* json.c - see json.h: a walk along the descriptors of protobuf-c. */
#include "common/proto/json.h"

#include "api.h"
#include "common/proto/json_parse.h"
#include "common/proto/types.h"
#include "common/proto/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DURATION_SECONDS_MAX INT64_C(315576000000)
#define TIMESTAMP_SECONDS_MIN INT64_C(-62135596800)
#define TIMESTAMP_SECONDS_MAX INT64_C(253402300799)

struct walk {
    struct json_writer w;
    const struct json_style *style;
    struct arena *arena;
    struct err_detail *detail;
    enum err err; /* the first */
};

static void put_message(struct walk *walk, const ProtobufCMessage *message, const char *type_url);

static void put_base64(struct json_writer *w, struct slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    json_raw(w, "\"");
    for (size_t i = 0; i < bytes.len; i += 3) {
        const uint8_t *at = bytes.ptr + i;
        const size_t left = bytes.len - i;
        const uint32_t bits =
            (uint32_t)at[0] << 16 | (left > 1 ? (uint32_t)at[1] << 8 : 0) | (left > 2 ? at[2] : 0);
        const char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                              left > 1 ? digits[bits >> 6 & 63] : '=',
                              left > 2 ? digits[bits & 63] : '='};
        buf_append(w->out, four, sizeof four);
    }
    buf_append(w->out, "\"", 1);
}

/* ---- the types of google.protobuf ---- */

/* null stands where the value has no form. */
static void refuse(struct walk *walk, const char *text, int64_t value)
{
    json_raw(&walk->w, "null");
    if (walk->err == ERR_OK)
        walk->err = err_fail(walk->detail, ERR_INVALID, "temporalproto: google.protobuf.%s %lld",
                             text, (long long)value);
}

/* ".5", ".000000001", "": 0, 3, 6 or 9 digits. */
static void format_fraction(char out[16], int64_t nanos)
{
    out[0] = '\0';
    if (nanos != 0 && nanos % 1000000 == 0)
        snprintf(out, 16, ".%03d", (int)(nanos / 1000000));
    else if (nanos != 0 && nanos % 1000 == 0)
        snprintf(out, 16, ".%06d", (int)(nanos / 1000));
    else if (nanos != 0)
        snprintf(out, 16, ".%09d", (int)nanos);
}

static void put_duration(struct walk *walk, const pb_duration *value)
{
    const bool negative = value->seconds < 0 || value->nanos < 0;
    char fraction[16], text[64];

    if (value->seconds < -DURATION_SECONDS_MAX || value->seconds > DURATION_SECONDS_MAX) {
        refuse(walk, "Duration: seconds out of range", value->seconds);
    } else if (value->nanos <= -NS_PER_S || value->nanos >= NS_PER_S) {
        refuse(walk, "Duration: nanos out of range", value->nanos);
    } else if ((value->seconds > 0 && value->nanos < 0) ||
               (value->seconds < 0 && value->nanos > 0)) {
        refuse(walk, "Duration: signs of seconds and nanos do not match", value->nanos);
    } else {
        format_fraction(fraction, labs(value->nanos));
        snprintf(text, sizeof text, "%s%lld%ss", negative ? "-" : "",
                 llabs((long long)value->seconds), fraction);
        json_string(&walk->w, slice_str(text));
    }
}

static void put_timestamp(struct walk *walk, const pb_timestamp *value)
{
    const time_t seconds = (time_t)value->seconds;
    char fraction[16], text[64];
    struct tm tm;

    if (value->seconds < TIMESTAMP_SECONDS_MIN || value->seconds > TIMESTAMP_SECONDS_MAX) {
        refuse(walk, "Timestamp: seconds out of range", value->seconds);
    } else if (value->nanos < 0 || value->nanos >= NS_PER_S) {
        refuse(walk, "Timestamp: nanos out of range", value->nanos);
    } else {
        must(gmtime_r(&seconds, &tm) != NULL);
        format_fraction(fraction, value->nanos);
        snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
        json_string(&walk->w, slice_str(text));
    }
}

/* "update_mask" as "updateMask". */
static void put_camel(struct buf *out, const char *snake)
{
    bool upper = false;

    for (; *snake; snake++) {
        const bool small = *snake >= 'a' && *snake <= 'z';
        const char c = upper && small ? (char)(*snake - 'a' + 'A') : *snake;

        upper = *snake == '_';
        if (!upper)
            buf_append(out, &c, 1);
    }
}

static void put_field_mask(struct walk *walk, const pb_field_mask *value)
{
    struct buf text;

    buf_init(&text, 0);
    for (size_t i = 0; i < value->n_paths; i++) {
        if (i > 0)
            buf_append(&text, ",", 1);
        put_camel(&text, value->paths[i]);
    }
    json_string(&walk->w, buf_slice(&text));
    buf_release(&text);
}

static void put_any(struct walk *walk, const pb_any *any)
{
    const struct slice bytes = slice_of(any->value.data, any->value.len);
    const ProtobufCMessageDescriptor *type = proto_type_of_url(slice_str(any->type_url));
    ProtobufCMessage *inner;

    if (any->type_url[0] == '\0' && bytes.len == 0) {
        json_open(&walk->w, '{');
        json_close(&walk->w, '}');
        return;
    }
    if (!type || proto_decode(walk->arena, type, bytes, &inner, NULL) != ERR_OK) {
        json_raw(&walk->w, "null");
        if (walk->err == ERR_OK)
            walk->err = err_fail(walk->detail, ERR_INVALID,
                                 "temporalproto: google.protobuf.Any: unable to %s \"%.200s\"",
                                 type ? "unmarshal" : "resolve", any->type_url);
        return;
    }
    if (!proto_is_well_known(type)) {
        put_message(walk, inner, any->type_url);
        return;
    }
    json_open(&walk->w, '{');
    json_name(&walk->w, SLICE_LIT("@type"));
    json_string(&walk->w, slice_str(any->type_url));
    json_name(&walk->w, SLICE_LIT("value"));
    put_message(walk, inner, NULL);
    json_close(&walk->w, '}');
}

static bool put_well_known(struct walk *walk, const ProtobufCMessage *message)
{
    const void *value = message;

    if (message->descriptor == &pb_timestamp__desc)
        put_timestamp(walk, value);
    else if (message->descriptor == &pb_duration__desc)
        put_duration(walk, value);
    else if (message->descriptor == &pb_field_mask__desc)
        put_field_mask(walk, value);
    else if (message->descriptor == &pb_any__desc)
        put_any(walk, value);
    else if (message->descriptor == &pb_double_value__desc) {
        json_value(&walk->w);
        json_put_double(walk->w.out, ((const pb_double_value *)value)->value);
    } else
        return false;
    return true;
}

/* ---- fields ---- */

static void put_enum(struct walk *walk, const ProtobufCEnumDescriptor *desc, int value)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(desc, value);
    char text[16];

    if (found) {
        json_string(&walk->w, slice_str(found->name));
    } else {
        snprintf(text, sizeof text, "%d", value);
        json_raw(&walk->w, text);
    }
}

static void put_number(struct walk *walk, const ProtobufCFieldDescriptor *field, const void *at)
{
    char text[32];

    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        snprintf(text, sizeof text, "%u", *(const uint32_t *)at);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        snprintf(text, sizeof text, "\"%lld\"", (long long)*(const int64_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        snprintf(text, sizeof text, "\"%llu\"", (unsigned long long)*(const uint64_t *)at);
        break;
    default:
        snprintf(text, sizeof text, "%d", *(const int32_t *)at);
        break;
    }
    json_raw(&walk->w, text);
}

/* The value at `at`, of a field's type. */
static void put_value(struct walk *walk, const ProtobufCFieldDescriptor *field, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_FLOAT:
        json_value(&walk->w);
        json_put_float(walk->w.out, *(const float *)at);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        json_value(&walk->w);
        json_put_double(walk->w.out, *(const double *)at);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        json_raw(&walk->w, *(const protobuf_c_boolean *)at ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_ENUM:
        put_enum(walk, field->descriptor, *(const int *)at);
        break;
    case PROTOBUF_C_TYPE_STRING:
        json_string(&walk->w, slice_str(*(char *const *)at));
        break;
    case PROTOBUF_C_TYPE_BYTES:
        put_base64(&walk->w, slice_of(((const ProtobufCBinaryData *)at)->data,
                                      ((const ProtobufCBinaryData *)at)->len));
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        if (*(ProtobufCMessage *const *)at) {
            put_message(walk, *(ProtobufCMessage *const *)at, NULL);
        } else { /* of a map, where an absent value is an empty one */
            json_open(&walk->w, '{');
            json_close(&walk->w, '}');
        }
        break;
    default:
        put_number(walk, field, at);
        break;
    }
}

static size_t value_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

/* Has a field without presence its default? */
static bool is_default(const ProtobufCFieldDescriptor *field, const void *at)
{
    static const uint8_t zero[8];

    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(ProtobufCMessage *const *)at == NULL;
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return *(char *const *)at == NULL || (*(char *const *)at)[0] == '\0';
    if (field->type == PROTOBUF_C_TYPE_BYTES)
        return ((const ProtobufCBinaryData *)at)->len == 0;
    return memcmp(at, zero, value_size(field)) == 0;
}

static const char *member(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return (const char *)message + field->offset;
}

struct map_entry {
    const ProtobufCMessage *message;
    size_t index; /* as it came */
};

static int order_of_keys(const struct map_entry *a, const struct map_entry *b)
{
    const ProtobufCFieldDescriptor *key = &a->message->descriptor->fields[0];
    const void *x = member(a->message, key), *y = member(b->message, key);

    if (key->type == PROTOBUF_C_TYPE_STRING)
        return strcmp(*(char *const *)x, *(char *const *)y);
    const int32_t m = *(const int32_t *)x, n = *(const int32_t *)y;
    return m < n ? -1 : m > n;
}

static int order_of_entries(const void *a, const void *b)
{
    const struct map_entry *left = a, *right = b;
    const int order = order_of_keys(left, right);

    return order != 0 ? order : left->index < right->index ? -1 : 1;
}

/* Sorted by key; of equal keys the last counts. */
static void put_map(struct walk *walk, const ProtobufCMessage *const *items, size_t count)
{
    struct map_entry *sorted = ARENA_ARRAY(walk->arena, struct map_entry, count + 1);

    json_open(&walk->w, '{');
    for (size_t i = 0; i < count; i++)
        sorted[i] = (struct map_entry){items[i], i};
    qsort(sorted, count, sizeof *sorted, order_of_entries);
    for (size_t i = 0; i < count; i++) {
        const ProtobufCMessage *entry = sorted[i].message;
        const ProtobufCFieldDescriptor *key = &entry->descriptor->fields[0];
        const ProtobufCFieldDescriptor *value = &entry->descriptor->fields[1];
        const void *at = member(entry, key);
        char number[16];

        if (i + 1 < count && order_of_keys(&sorted[i], &sorted[i + 1]) == 0)
            continue;
        if (key->type == PROTOBUF_C_TYPE_STRING) {
            json_name(&walk->w, slice_str(*(char *const *)at));
        } else {
            snprintf(number, sizeof number, "%d", *(const int32_t *)at);
            json_name(&walk->w, slice_str(number));
        }
        put_value(walk, value, member(entry, value));
    }
    json_close(&walk->w, '}');
}

static void put_repeated(struct walk *walk, const ProtobufCFieldDescriptor *field,
                         const ProtobufCMessage *message, size_t count)
{
    const void *items = *(void *const *)(const void *)member(message, field);

    if (proto_is_map(message->descriptor, field)) {
        put_map(walk, items, count);
        return;
    }
    json_open(&walk->w, '[');
    for (size_t i = 0; i < count; i++)
        put_value(walk, field, (const char *)items + i * value_size(field));
    json_close(&walk->w, ']');
}

static bool is_there(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *message)
{
    const void *quantifier = (const char *)message + field->quantifier_offset;

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)quantifier > 0;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const uint32_t *)quantifier == field->id;
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset != 0)
        return *(const protobuf_c_boolean *)quantifier;
    return !is_default(field, member(message, field));
}

static bool is_wanted(const struct walk *walk, const ProtobufCFieldDescriptor *field,
                      const ProtobufCMessage *message)
{
    return is_there(field, message) ||
           (walk->style->defaults && !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
            (field->label == PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE));
}

static void put_message(struct walk *walk, const ProtobufCMessage *message, const char *type_url)
{
    char camel[128];
    struct buf name = {.ptr = (uint8_t *)camel, .cap = sizeof camel, .max_bytes = sizeof camel};

    if (put_well_known(walk, message))
        return;
    if (walk->style->shorthand && json_write_shorthand(walk->arena, &walk->w, message))
        return;
    json_open(&walk->w, '{');
    if (type_url) {
        json_name(&walk->w, SLICE_LIT("@type"));
        json_string(&walk->w, slice_str(type_url));
    }
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const char *base = (const char *)message;

        if (!is_wanted(walk, field, message))
            continue;
        name.len = 0;
        put_camel(&name, field->name);
        json_name(&walk->w, buf_slice(&name));
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            put_repeated(walk, field, message,
                         *(const size_t *)(const void *)(base + field->quantifier_offset));
        else
            put_value(walk, field, member(message, field));
    }
    json_close(&walk->w, '}');
}

enum err json_write_message(struct buf *out, const void *message, const struct json_style *style,
                            struct err_detail *detail)
{
    struct arena arena;

    arena_init(&arena);
    struct walk walk = {.w = {.out = out, .indent = style->indent, .html = style->html},
                        .style = style,
                        .arena = &arena,
                        .detail = detail,
                        .err = ERR_OK};
    put_message(&walk, message, NULL);
    arena_release(&arena);
    return walk.err;
}

void json_put_message(struct buf *out, const void *message)
{
    static const struct json_style style = {.html = true};

    if (json_write_message(out, message, &style, NULL) != ERR_OK)
        return; /* there is a null where it has no form */
}
