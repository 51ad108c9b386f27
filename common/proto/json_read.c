/* json_read.c - see json_read.h: a walk along the parsed tree. */
#include "common/proto/json_read.h"

#include "api.h"
#include "common/base/map.h"
#include "common/proto/json.h"
#include "common/proto/json_parse.h"
#include "common/proto/json_scalar.h"
#include "common/proto/types.h"
#include "common/proto/wire.h"

#include <stdarg.h>
#include <stdio.h>

enum { FIELDS_MAX = 256, ONEOFS_MAX = 16 };

struct reader {
    struct arena *arena;
    struct slice text; /* from the value's first byte: where positions count from */
    struct err_detail *detail;
    bool shorthand;
    unsigned depth;
};

static enum err read_message(struct reader *r, const ProtobufCMessageDescriptor *desc,
                             const struct json_node *node, bool inside_any, struct buf *out);

/* ---- errors ---- */

#define FAIL(r, node, ...) fail((r), (node), "", __VA_ARGS__)

static enum err fail(struct reader *r, const struct json_node *node, const char *kind,
                     const char *format, ...) PRINTF_LIKE(4, 5);

static enum err fail(struct reader *r, const struct json_node *node, const char *kind,
                     const char *format, ...)
{
    char text[1200];
    size_t line, column;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_position(r->text, node->raw.ptr, &line, &column);
    return err_fail(r->detail, ERR_INVALID, "temporalproto: %s(line %zu:%zu): %s", kind, line,
                    column, text);
}

#define RAW_MAX 1000
#define RAW(node)                                                                                  \
    (int)((node)->raw.len < RAW_MAX ? (node)->raw.len : RAW_MAX), (const char *)(node)->raw.ptr

static enum err unexpected(struct reader *r, const struct json_node *node)
{
    return fail(r, node, "syntax error ", "unexpected token %.*s", RAW(node));
}

/* A string or name that has no characters to give. */
static enum err check_text(struct reader *r, const struct json_node *node)
{
    return node->bad ? fail(r, node, "syntax error ", "%s", node->bad) : ERR_OK;
}

/* What is skipped is checked all the same. */
static enum err check_texts(struct reader *r, const struct json_node *node)
{
    enum err err = check_text(r, node);

    for (const struct json_node *at = node->child; at && err == ERR_OK; at = at->next)
        err = check_texts(r, at);
    return err;
}

/* ---- lengths ---- */

/* Make what was appended since `start` a field of bytes. */
static void close_bytes(struct buf *out, size_t start, uint32_t field)
{
    uint8_t head[15];
    const size_t len = out->len - start;
    const size_t head_len = wire_head(head, field, len);

    if (!buf_reserve(out, head_len))
        return;
    memmove(out->ptr + start + head_len, out->ptr + start, len);
    memcpy(out->ptr + start, head, head_len);
    out->len += head_len;
}

/* ---- values ---- */

static enum err read_scalar(struct reader *r, const ProtobufCFieldDescriptor *field,
                            const struct json_node *node, struct buf *out)
{
    const enum err err = node->kind == JSON_STRING ? check_text(r, node) : ERR_OK;

    if (err != ERR_OK)
        return err;
    if (!json_scalar_put(field, node, out))
        return FAIL(r, node, "invalid value for %s type: %.*s", json_scalar_kind(field), RAW(node));
    return ERR_OK;
}

static enum err read_value(struct reader *r, const ProtobufCFieldDescriptor *field,
                           const struct json_node *node, struct buf *out)
{
    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return read_scalar(r, field, node, out);
    const size_t start = out->len;
    const enum err err = read_message(r, field->descriptor, node, false, out);
    if (err == ERR_OK)
        close_bytes(out, start, field->id);
    return err;
}

static enum err read_list(struct reader *r, const ProtobufCFieldDescriptor *field,
                          const struct json_node *node, struct buf *out)
{
    enum err err = ERR_OK;

    if (node->kind != JSON_ARRAY)
        return unexpected(r, node);
    for (const struct json_node *at = node->child; at && err == ERR_OK; at = at->next)
        err = read_value(r, field, at, out);
    return err;
}

static enum err read_entry(struct reader *r, const ProtobufCFieldDescriptor *field,
                           const struct json_node *name, struct buf *out)
{
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    const ProtobufCFieldDescriptor *key = &entry->fields[0];
    const size_t start = out->len;
    int64_t number;

    if (key->type == PROTOBUF_C_TYPE_STRING) {
        wire_put_bytes(out, key->id, name->text);
    } else {
        if (!json_number_i64(name->text, &number) || number < INT32_MIN || number > INT32_MAX)
            return FAIL(r, name, "invalid value for %s key: %.*s", json_scalar_kind(key),
                        RAW(name));
        wire_put_varint(out, key->id, (uint64_t)number);
    }
    const enum err err = read_value(r, &entry->fields[1], name->child, out);
    if (err == ERR_OK)
        close_bytes(out, start, field->id);
    return err;
}

static enum err read_map(struct reader *r, const ProtobufCFieldDescriptor *field,
                         const struct json_node *node, struct buf *out)
{
    struct map seen;
    enum err err = ERR_OK;

    if (node->kind != JSON_OBJECT)
        return unexpected(r, node);
    map_init(&seen, (uint64_t)(uintptr_t)node);
    for (const struct json_node *at = node->child; at && err == ERR_OK; at = at->next) {
        if ((err = check_text(r, at)) != ERR_OK)
            break;
        if (map_get(&seen, at->text))
            err = FAIL(r, at, "duplicate map key %.*s", RAW(at));
        if (err != ERR_OK)
            break;
        map_put(&seen, at->text, ARENA_NEW(r->arena, struct map_node));
        err = read_entry(r, field, at, out);
    }
    map_release(&seen);
    return err;
}

/* ---- the types of google.protobuf ---- */

static enum err read_time(struct reader *r, const ProtobufCMessageDescriptor *desc,
                          const struct json_node *node, struct buf *out)
{
    const bool duration = desc == &pb_duration__desc;
    const int64_t most = duration ? INT64_C(315576000000) : INT64_C(253402300799);
    const int64_t least = duration ? -most : INT64_C(-62135596800);
    int64_t seconds;
    int32_t nanos;

    if (node->kind != JSON_STRING)
        return unexpected(r, node);
    const enum err err = check_text(r, node);
    if (err != ERR_OK)
        return err;
    if (!(duration ? json_read_duration : json_read_timestamp)(node->text, &seconds, &nanos))
        return FAIL(r, node, "invalid %s value %.*s", desc->name, RAW(node));
    if (seconds < least || seconds > most)
        return FAIL(r, node, "%s value out of range: %.*s", desc->name, RAW(node));
    if (seconds != 0)
        wire_put_varint(out, 1, (uint64_t)seconds);
    if (nanos != 0)
        wire_put_varint(out, 2, (uint64_t)(int64_t)nanos);
    return ERR_OK;
}

static enum err read_field_mask(struct reader *r, const struct json_node *node, struct buf *out)
{
    struct buf paths;

    if (node->kind != JSON_STRING)
        return unexpected(r, node);
    const enum err err = check_text(r, node);
    if (err != ERR_OK)
        return err;
    buf_init(&paths, 0);
    const struct slice wrong = json_scalar_put_mask(node->text, &paths);
    if (wrong.ptr == NULL)
        buf_append_slice(out, buf_slice(&paths));
    buf_release(&paths);
    return wrong.ptr == NULL
               ? ERR_OK
               : FAIL(r, node,
                      "google.protobuf.FieldMask.paths contains invalid path: "
                      "\"%.*s\"",
                      (int)(wrong.len < RAW_MAX ? wrong.len : RAW_MAX), (const char *)wrong.ptr);
}

/* Find "@type" of an object; *out is NULL in an empty one. */
static enum err find_type(struct reader *r, const struct json_node *node,
                          const struct json_node **out)
{
    enum err err = ERR_OK;

    *out = NULL;
    for (const struct json_node *at = node->child; at && err == ERR_OK; at = at->next) {
        err = check_texts(r, at);
        if (err != ERR_OK || !slice_eq(at->text, SLICE_LIT("@type")))
            continue;
        if (*out)
            err = FAIL(r, at, "duplicate \"@type\" field");
        else if (at->child->kind != JSON_STRING)
            err = FAIL(r, at->child, "@type field value is not a string: %.*s", RAW(at->child));
        else if (at->child->text.len == 0)
            err = FAIL(r, at->child, "@type field contains empty value");
        *out = at->child;
    }
    if (err == ERR_OK && !*out && node->child)
        err = FAIL(r, node, "missing \"@type\" field");
    return err;
}

/* {"@type": ..., "value": ...} of a type with a form of its own. */
static enum err read_any_value(struct reader *r, const ProtobufCMessageDescriptor *type,
                               const struct json_node *node, struct buf *out)
{
    const struct json_node *found = NULL;

    for (const struct json_node *at = node->child; at; at = at->next) {
        if (slice_eq(at->text, SLICE_LIT("@type")))
            continue;
        if (!slice_eq(at->text, SLICE_LIT("value")))
            return FAIL(r, at, "unknown field %.*s", RAW(at));
        if (found)
            return FAIL(r, at, "duplicate \"value\" field");
        found = at->child;
    }
    return found ? read_message(r, type, found, false, out)
                 : FAIL(r, node, "missing \"value\" field");
}

/* The message inside, encoded as everybody encodes it: its bytes may be compared. */
static enum err read_any_message(struct reader *r, const ProtobufCMessageDescriptor *type,
                                 const struct json_node *node, struct buf *out)
{
    struct buf inner;
    void *message;

    buf_init(&inner, 0);
    enum err err = proto_is_well_known(type) ? read_any_value(r, type, node, &inner)
                                             : read_message(r, type, node, true, &inner);
    if (err == ERR_OK)
        err = proto_decode(r->arena, type, buf_slice(&inner), &message, r->detail);
    if (err == ERR_OK && inner.len > 0)
        wire_put_bytes(out, 2, proto_encode(r->arena, message));
    buf_release(&inner);
    return err;
}

static enum err read_any(struct reader *r, const struct json_node *node, struct buf *out)
{
    const struct json_node *url;

    if (node->kind != JSON_OBJECT)
        return unexpected(r, node);
    enum err err = find_type(r, node, &url);
    if (err != ERR_OK || !url)
        return err;
    const ProtobufCMessageDescriptor *type = proto_type_of_url(url->text);
    if (!type)
        return FAIL(r, url, "unable to resolve %.*s: \"proto: not found\"", RAW(url));
    wire_put_bytes(out, 1, url->text);
    return read_any_message(r, type, node, out);
}

/* Short forms and well-known types. false: an ordinary message. */
static bool read_special(struct reader *r, const ProtobufCMessageDescriptor *desc,
                         const struct json_node *node, struct buf *out, enum err *err)
{
    if (r->shorthand && desc == &api_payload__desc) {
        *err = json_read_payload(r->arena, node, out, r->detail);
    } else if (r->shorthand && desc == &api_payloads__desc &&
               (node->kind == JSON_ARRAY || node->kind == JSON_NULL)) {
        *err = ERR_OK;
        for (const struct json_node *at = node->child; at && *err == ERR_OK; at = at->next) {
            const size_t start = out->len;

            *err = json_read_payload(r->arena, at, out, r->detail);
            if (*err == ERR_OK)
                close_bytes(out, start, 1);
        }
    } else if (desc == &pb_timestamp__desc || desc == &pb_duration__desc) {
        *err = read_time(r, desc, node, out);
    } else if (desc == &pb_field_mask__desc) {
        *err = read_field_mask(r, node, out);
    } else if (desc == &pb_any__desc) {
        *err = read_any(r, node, out);
    } else if (desc == &pb_double_value__desc) {
        *err = read_scalar(r, &desc->fields[0], node, out);
    } else {
        return false;
    }
    return true;
}

/* ---- messages ---- */

/* Which fields and oneofs of a message have come. */
struct seen {
    uint64_t fields[FIELDS_MAX / 64];
    unsigned oneofs[ONEOFS_MAX]; /* where in the struct they say which case it is */
    size_t oneof_count;
};

static enum err mark_seen(struct reader *r, const ProtobufCMessageDescriptor *desc,
                          const ProtobufCFieldDescriptor *field, const struct json_node *name,
                          struct seen *seen)
{
    const size_t index = (size_t)(field - desc->fields);
    const uint64_t bit = UINT64_C(1) << (index % 64);

    must(index < FIELDS_MAX);
    if (seen->fields[index / 64] & bit)
        return FAIL(r, name, "duplicate field %.*s", RAW(name));
    seen->fields[index / 64] |= bit;
    if (name->child->kind == JSON_NULL || !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
        return ERR_OK;
    for (size_t i = 0; i < seen->oneof_count; i++)
        if (seen->oneofs[i] == field->quantifier_offset)
            return FAIL(r, name, "error parsing %.*s, oneof %s.%s is already set", RAW(name),
                        desc->name, proto_oneof_of(desc, field->id));
    must(seen->oneof_count < ONEOFS_MAX);
    seen->oneofs[seen->oneof_count++] = field->quantifier_offset;
    return ERR_OK;
}

static enum err read_member(struct reader *r, const ProtobufCMessageDescriptor *desc,
                            const struct json_node *name, struct seen *seen, struct buf *out)
{
    const ProtobufCFieldDescriptor *field = json_field_of(desc, name->text);

    if (!field)
        return FAIL(r, name, "unknown field %.*s", RAW(name));
    const enum err err = mark_seen(r, desc, field, name, seen);
    if (err != ERR_OK || name->child->kind == JSON_NULL)
        return err;
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return read_value(r, field, name->child, out);
    return proto_is_map(desc, field) ? read_map(r, field, name->child, out)
                                     : read_list(r, field, name->child, out);
}

static enum err read_message(struct reader *r, const ProtobufCMessageDescriptor *desc,
                             const struct json_node *node, bool inside_any, struct buf *out)
{
    struct seen seen = {0};
    enum err err = ERR_OK;

    if (r->depth == PROTO_DEPTH_MAX)
        return err_fail(r->detail, ERR_INVALID, "temporalproto: exceeded max recursion depth");
    if (!inside_any && read_special(r, desc, node, out, &err))
        return err;
    if (node->kind != JSON_OBJECT)
        return unexpected(r, node);
    r->depth++;
    for (const struct json_node *at = node->child; at && err == ERR_OK; at = at->next) {
        err = check_text(r, at);
        if (err == ERR_OK && !(inside_any && slice_eq(at->text, SLICE_LIT("@type"))))
            err = read_member(r, desc, at, &seen, out);
    }
    r->depth--;
    return err;
}

enum err json_read_message(struct arena *arena, const ProtobufCMessageDescriptor *desc,
                           struct slice text, bool shorthand, struct buf *out,
                           struct err_detail *detail)
{
    struct reader reader = {.arena = arena, .detail = detail, .shorthand = shorthand};
    struct json_node *root;
    const enum err err = json_parse(arena, text, &root, NULL, detail);

    if (err != ERR_OK || !root)
        return err;
    reader.text = slice_of(root->raw.ptr, (size_t)(text.ptr + text.len - root->raw.ptr));
    return read_message(&reader, desc, root, false, out);
}
