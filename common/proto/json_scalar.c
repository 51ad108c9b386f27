/* json_scalar.c - see json_scalar.h and json_read.h. */
#include "common/proto/json_scalar.h"

#include "common/proto/json.h"
#include "common/proto/json_read.h"
#include "common/proto/wire.h"

#include <ctype.h>
#include <math.h>

enum { ENUM_NAME_MAX = 200 };

const char *json_scalar_kind(const ProtobufCFieldDescriptor *field)
{
    static const char *const names[] = {
        [PROTOBUF_C_TYPE_INT32] = "int32",       [PROTOBUF_C_TYPE_SINT32] = "sint32",
        [PROTOBUF_C_TYPE_SFIXED32] = "sfixed32", [PROTOBUF_C_TYPE_INT64] = "int64",
        [PROTOBUF_C_TYPE_SINT64] = "sint64",     [PROTOBUF_C_TYPE_SFIXED64] = "sfixed64",
        [PROTOBUF_C_TYPE_UINT32] = "uint32",     [PROTOBUF_C_TYPE_FIXED32] = "fixed32",
        [PROTOBUF_C_TYPE_UINT64] = "uint64",     [PROTOBUF_C_TYPE_FIXED64] = "fixed64",
        [PROTOBUF_C_TYPE_FLOAT] = "float",       [PROTOBUF_C_TYPE_DOUBLE] = "double",
        [PROTOBUF_C_TYPE_BOOL] = "bool",         [PROTOBUF_C_TYPE_ENUM] = "enum",
        [PROTOBUF_C_TYPE_STRING] = "string",     [PROTOBUF_C_TYPE_BYTES] = "bytes",
        [PROTOBUF_C_TYPE_MESSAGE] = "message"};

    return names[field->type];
}

/* ---- names ---- */

/* Is `camel` the JSON name of the field `snake`? */
static bool is_json_name(const char *snake, struct slice camel)
{
    size_t at = 0;
    bool upper = false;

    for (; *snake; snake++) {
        if (*snake == '_') {
            upper = true;
            continue;
        }
        const char c = upper ? (char)toupper((unsigned char)*snake) : *snake;

        if (at == camel.len || camel.ptr[at++] != (uint8_t)c)
            return false;
        upper = false;
    }
    return at == camel.len;
}

const ProtobufCFieldDescriptor *json_field_of(const ProtobufCMessageDescriptor *desc,
                                              struct slice name)
{
    for (unsigned i = 0; i < desc->n_fields; i++)
        if (is_json_name(desc->fields[i].name, name))
            return &desc->fields[i];
    for (unsigned i = 0; i < desc->n_fields; i++)
        if (slice_eq(slice_str(desc->fields[i].name), name))
            return &desc->fields[i];
    return NULL;
}

/* ---- enums ---- */

enum letter { OTHER, SMALL, CAPITAL, DIGIT };

static enum letter letter_of(char c)
{
    return c >= 'a' && c <= 'z'   ? SMALL
           : c >= 'A' && c <= 'Z' ? CAPITAL
           : c >= '0' && c <= '9' ? DIGIT
                                  : OTHER;
}

/* "EventType_TimerFired" as "EVENT_TYPE_TIMER_FIRED": words begin where the kind of letter changes,
 * and at the last of several capitals. */
static void screaming(const char *in, size_t len, char out[2 * ENUM_NAME_MAX + 1])
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        const enum letter now = letter_of(in[i]);
        const enum letter next = i + 1 < len ? letter_of(in[i + 1]) : OTHER;
        const bool last_capital =
            now == CAPITAL && next == SMALL && i > 0 && letter_of(in[i - 1]) == CAPITAL;
        const bool changes =
            now != OTHER && next != OTHER && now != next && !(now == CAPITAL && next == SMALL);

        if (last_capital)
            out[n++] = '_';
        out[n++] = strchr(" _-.", in[i]) ? '_' : (char)toupper((unsigned char)in[i]);
        if (changes)
            out[n++] = '_';
    }
    out[n] = '\0';
}

static const ProtobufCEnumValue *enum_of_text(const ProtobufCEnumDescriptor *desc,
                                              struct slice text)
{
    char name[ENUM_NAME_MAX + 1], full[2 * ENUM_NAME_MAX + 1];
    const size_t type_len = strlen(desc->short_name);

    if (text.len + type_len + 1 > ENUM_NAME_MAX || memchr(text.ptr, 0, text.len))
        return NULL;
    memcpy(name, text.ptr, text.len);
    name[text.len] = '\0';
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(desc, name);
    if (value)
        return value;
    memcpy(name, desc->short_name, type_len);
    name[type_len] = '_';
    memcpy(name + type_len + 1, text.ptr, text.len);
    screaming(name, type_len + 1 + text.len, full);
    return protobuf_c_enum_descriptor_get_value_by_name(desc, full);
}

/* ---- numbers ---- */

/* The number of a JSON number or of a string that holds one. */
static bool number_text(const struct json_node *node, struct slice *out)
{
    *out = node->kind == JSON_STRING ? node->text : node->raw;
    return (node->kind == JSON_NUMBER || node->kind == JSON_STRING) && json_is_number(*out);
}

static bool put_integer(const ProtobufCFieldDescriptor *field, const struct json_node *node,
                        bool omit_zero, struct buf *out)
{
    const bool narrow = field->type <= PROTOBUF_C_TYPE_SFIXED32;
    struct slice text;
    int64_t value;

    if (!number_text(node, &text) || !json_number_i64(text, &value) ||
        (narrow && (value < INT32_MIN || value > INT32_MAX)))
        return false;
    if (value == 0 && omit_zero)
        return true;
    switch (field->type) {
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SINT64:
        wire_put_varint(out, field->id, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
        break;
    case PROTOBUF_C_TYPE_SFIXED32:
        wire_put_fixed32(out, field->id, (uint32_t)value);
        break;
    case PROTOBUF_C_TYPE_SFIXED64:
        wire_put_fixed64(out, field->id, (uint64_t)value);
        break;
    default:
        wire_put_varint(out, field->id, (uint64_t)value);
        break;
    }
    return true;
}

static bool put_unsigned(const ProtobufCFieldDescriptor *field, const struct json_node *node,
                         bool omit_zero, struct buf *out)
{
    const bool narrow =
        field->type == PROTOBUF_C_TYPE_UINT32 || field->type == PROTOBUF_C_TYPE_FIXED32;
    struct slice text;
    uint64_t value;

    if (!number_text(node, &text) || !json_number_u64(text, &value) ||
        (narrow && value > UINT32_MAX))
        return false;
    if (value == 0 && omit_zero)
        return true;
    if (field->type == PROTOBUF_C_TYPE_FIXED32)
        wire_put_fixed32(out, field->id, (uint32_t)value);
    else if (field->type == PROTOBUF_C_TYPE_FIXED64)
        wire_put_fixed64(out, field->id, value);
    else
        wire_put_varint(out, field->id, value);
    return true;
}

static bool special_of(const struct json_node *node, double *out)
{
    if (node->kind != JSON_STRING)
        return false;
    if (slice_eq(node->text, SLICE_LIT("NaN")))
        *out = (double)NAN;
    else if (slice_eq(node->text, SLICE_LIT("Infinity")))
        *out = (double)INFINITY;
    else if (slice_eq(node->text, SLICE_LIT("-Infinity")))
        *out = -(double)INFINITY;
    else
        return false;
    return true;
}

static bool put_floating(const ProtobufCFieldDescriptor *field, const struct json_node *node,
                         bool omit_zero, struct buf *out)
{
    struct slice text;
    double value = 0;
    float narrow = 0;
    uint32_t bits32;
    uint64_t bits64;

    if (special_of(node, &value))
        narrow = (float)value;
    else if (!number_text(node, &text) ||
             !(field->type == PROTOBUF_C_TYPE_FLOAT ? json_number_float(text, &narrow)
                                                    : json_number_double(text, &value)))
        return false;
    memcpy(&bits32, &narrow, sizeof bits32);
    memcpy(&bits64, &value, sizeof bits64);
    if (field->type == PROTOBUF_C_TYPE_FLOAT) {
        if (bits32 != 0 || !omit_zero)
            wire_put_fixed32(out, field->id, bits32);
    } else if (bits64 != 0 || !omit_zero) {
        wire_put_fixed64(out, field->id, bits64);
    }
    return true;
}

/* ---- any scalar ---- */

static bool put_enum(const ProtobufCFieldDescriptor *field, const struct json_node *node,
                     bool omit_zero, struct buf *out)
{
    int64_t number;

    if (node->kind == JSON_STRING) {
        const ProtobufCEnumValue *value = enum_of_text(field->descriptor, node->text);

        if (!value)
            return false;
        number = value->value;
    } else if (node->kind != JSON_NUMBER || !json_number_i64(node->raw, &number) ||
               number < INT32_MIN || number > INT32_MAX) {
        return false;
    }
    if (number != 0 || !omit_zero)
        wire_put_varint(out, field->id, (uint64_t)number);
    return true;
}

static bool put_bytes(const ProtobufCFieldDescriptor *field, const struct json_node *node,
                      bool omit_empty, struct buf *out)
{
    struct buf bytes;

    if (node->kind != JSON_STRING)
        return false;
    buf_init(&bytes, 0);
    const bool good = json_read_base64(&bytes, node->text);
    if (good && (bytes.len > 0 || !omit_empty))
        wire_put_bytes(out, field->id, buf_slice(&bytes));
    buf_release(&bytes);
    return good;
}

bool json_scalar_put(const ProtobufCFieldDescriptor *field, const struct json_node *node,
                     struct buf *out)
{
    const bool omit =
        field->label == PROTOBUF_C_LABEL_NONE && !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);

    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        if (node->kind != JSON_TRUE && node->kind != JSON_FALSE)
            return false;
        if (node->kind == JSON_TRUE || !omit)
            wire_put_bool(out, field->id, node->kind == JSON_TRUE);
        return true;
    case PROTOBUF_C_TYPE_STRING:
        if (node->kind == JSON_STRING && (node->text.len > 0 || !omit))
            wire_put_bytes(out, field->id, node->text);
        return node->kind == JSON_STRING;
    case PROTOBUF_C_TYPE_BYTES:
        return put_bytes(field, node, omit, out);
    case PROTOBUF_C_TYPE_ENUM:
        return put_enum(field, node, omit, out);
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        return put_floating(field, node, omit, out);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return put_unsigned(field, node, omit, out);
    default:
        return put_integer(field, node, omit, out);
    }
}

/* ---- field masks ---- */

/* "updateMask" as "update_mask"; false: not the JSON form of a path. */
static bool snake_of(struct slice camel, struct buf *out)
{
    bool start = true; /* of a name between dots */

    for (size_t i = 0; i < camel.len; i++) {
        const char c = (char)camel.ptr[i];
        const enum letter letter = letter_of(c);
        const char lower = (char)tolower((unsigned char)c);

        if (letter == OTHER && (c != '.' || start))
            return false;
        if (start && letter == DIGIT)
            return false;
        if (letter == CAPITAL)
            buf_append(out, "_", 1);
        buf_append(out, &lower, 1);
        start = c == '.';
    }
    return !start;
}

struct slice json_scalar_put_mask(struct slice text, struct buf *out)
{
    struct slice wrong = SLICE_EMPTY;
    struct buf path;
    size_t start = 0;

    while (text.len && isspace(text.ptr[text.len - 1]))
        text.len--;
    while (text.len && isspace(*text.ptr))
        text = slice_of(text.ptr + 1, text.len - 1);
    if (text.len == 0)
        return wrong;
    buf_init(&path, 0);
    for (size_t i = 0; i <= text.len && !wrong.ptr; i++) {
        if (i < text.len && text.ptr[i] != ',')
            continue;
        const struct slice camel = slice_of(text.ptr + start, i - start);

        buf_clear(&path);
        if (!snake_of(camel, &path))
            wrong = camel;
        wire_put_bytes(out, 1, buf_slice(&path));
        start = i + 1;
    }
    buf_release(&path);
    return wrong;
}
