/* json.c - see json.h: a walk along the descriptors of protobuf-c. */
#include "common/proto/json.h"

#include "common/proto/wire.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

static void put_text(struct buf *out, const char *text)
{
    buf_append(out, text, strlen(text));
}

void json_put_string(struct buf *out, struct slice text)
{
    put_text(out, "\"");
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.ptr[i];

        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '\n')
            put_text(out, "\\n");
        else if (c == '\r')
            put_text(out, "\\r");
        else if (c == '\t')
            put_text(out, "\\t");
        else if (c < 0x20 || c == '<' || c == '>' || c == '&')
            buf_printf(out, "\\u%04x", c);
        else
            buf_append(out, &c, 1);
    }
    put_text(out, "\"");
}

static void put_base64(struct buf *out, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    put_text(out, "\"");
    for (size_t i = 0; i < len; i += 3) {
        const size_t left = len - i;
        const uint32_t bits = (uint32_t)bytes[i] << 16 |
                              (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                              (left > 2 ? bytes[i + 2] : 0);
        const char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                              left > 1 ? digits[bits >> 6 & 63] : '=',
                              left > 2 ? digits[bits & 63] : '='};
        buf_append(out, four, sizeof four);
    }
    put_text(out, "\"");
}

/* ".5", ".000000001", "": 0, 3, 6 or 9 digits. */
static void put_fraction(struct buf *out, int64_t nanos)
{
    if (nanos == 0)
        return;
    if (nanos % 1000000 == 0)
        buf_printf(out, ".%03d", (int)(nanos / 1000000));
    else if (nanos % 1000 == 0)
        buf_printf(out, ".%06d", (int)(nanos / 1000));
    else
        buf_printf(out, ".%09d", (int)nanos);
}

struct seconds_nanos { /* of the generated structs of Duration and Timestamp alike */
    ProtobufCMessage base;
    int64_t seconds;
    int32_t nanos;
};

static bool put_well_known(struct buf *out, const ProtobufCMessage *message)
{
    const char *name = message->descriptor->name;
    const struct seconds_nanos *value = (const void *)message;

    if (strcmp(name, "google.protobuf.Duration") == 0) {
        const bool negative = value->seconds < 0 || value->nanos < 0;
        buf_printf(out, "\"%s%lld", negative ? "-" : "",
                   (long long)(negative ? -value->seconds : value->seconds));
        put_fraction(out, negative ? -value->nanos : value->nanos);
        put_text(out, "s\"");
        return true;
    }
    if (strcmp(name, "google.protobuf.Timestamp") == 0) {
        char text[64];
        const time_t seconds = (time_t)value->seconds;
        struct tm tm;

        must(gmtime_r(&seconds, &tm) != NULL);
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
        buf_printf(out, "\"%s", text);
        put_fraction(out, value->nanos);
        put_text(out, "Z\"");
        return true;
    }
    return false;
}

static void put_name(struct buf *out, const char *snake)
{
    bool upper = false;

    put_text(out, "\"");
    for (; *snake; snake++) {
        if (*snake == '_') {
            upper = true;
            continue;
        }
        const char c =
            upper && *snake >= 'a' && *snake <= 'z' ? (char)(*snake - 'a' + 'A') : *snake;
        buf_append(out, &c, 1);
        upper = false;
    }
    put_text(out, "\":");
}

static void put_enum(struct buf *out, const ProtobufCEnumDescriptor *desc, int value)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(desc, value);

    if (found)
        json_put_string(out, slice_str(found->name));
    else
        buf_printf(out, "%d", value);
}

static void put_double(struct buf *out, double value)
{
    if (isfinite(value))
        buf_printf(out, "%.17g", value);
    else
        put_text(out, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

/* The value at `at`, of a field's type. */
static void put_value(struct buf *out, const ProtobufCFieldDescriptor *field, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        buf_printf(out, "%d", *(const int32_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        buf_printf(out, "%u", *(const uint32_t *)at);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        buf_printf(out, "\"%lld\"", (long long)*(const int64_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        buf_printf(out, "\"%llu\"", (unsigned long long)*(const uint64_t *)at);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        put_double(out, (double)*(const float *)at);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        put_double(out, *(const double *)at);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        put_text(out, *(const protobuf_c_boolean *)at ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_ENUM:
        put_enum(out, field->descriptor, *(const int *)at);
        break;
    case PROTOBUF_C_TYPE_STRING:
        json_put_string(out, slice_str(*(char *const *)at));
        break;
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *bytes = at;
        put_base64(out, bytes->data, bytes->len);
        break;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        json_put_message(out, *(ProtobufCMessage *const *)at);
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

static bool is_map(const ProtobufCFieldDescriptor *field)
{
    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return false;
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    const size_t len = strlen(entry->short_name);
    return len > 5 && strcmp(entry->short_name + len - 5, "Entry") == 0 && entry->n_fields == 2 &&
           strcmp(entry->fields[0].name, "key") == 0 && strcmp(entry->fields[1].name, "value") == 0;
}

static void put_map_entry(struct buf *out, const ProtobufCMessage *entry)
{
    const ProtobufCFieldDescriptor *key = &entry->descriptor->fields[0];
    const ProtobufCFieldDescriptor *value = &entry->descriptor->fields[1];

    if (key->type == PROTOBUF_C_TYPE_STRING) {
        put_value(out, key, (const char *)entry + key->offset);
    } else {
        put_text(out, "\"");
        put_value(out, key, (const char *)entry + key->offset);
        put_text(out, "\"");
    }
    put_text(out, ":");
    const void *at = (const char *)entry + value->offset;
    if (value->type == PROTOBUF_C_TYPE_MESSAGE && is_default(value, at))
        put_text(out, "{}");
    else
        put_value(out, value, at);
}

static void put_repeated(struct buf *out, const ProtobufCFieldDescriptor *field,
                         const ProtobufCMessage *message, size_t count)
{
    const char *items = *(char *const *)(const void *)((const char *)message + field->offset);
    const bool map = is_map(field);

    put_text(out, map ? "{" : "[");
    for (size_t i = 0; i < count; i++) {
        const char *at = items + i * value_size(field);

        if (i > 0)
            put_text(out, ",");
        if (map)
            put_map_entry(out, *(ProtobufCMessage *const *)(const void *)at);
        else
            put_value(out, field, at);
    }
    put_text(out, map ? "}" : "]");
}

static bool is_there(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *message)
{
    const char *base = (const char *)message;
    const void *quantifier = base + field->quantifier_offset;

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)quantifier > 0;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const uint32_t *)quantifier == field->id;
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset != 0)
        return *(const protobuf_c_boolean *)quantifier;
    return !is_default(field, base + field->offset);
}

void json_put_message(struct buf *out, const void *any)
{
    const ProtobufCMessage *message = any;
    bool first = true;

    if (put_well_known(out, message))
        return;
    put_text(out, "{");
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const char *base = any;

        if (!is_there(field, message))
            continue;
        if (!first)
            put_text(out, ",");
        first = false;
        put_name(out, field->name);
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            put_repeated(out, field, message,
                         *(const size_t *)(const void *)(base + field->quantifier_offset));
        else
            put_value(out, field, base + field->offset);
    }
    put_text(out, "}");
}
