/* reflection.c - answers reflection requests by walking the embedded descriptor set each time:
 * they are rare, and so nothing is kept in memory. Fields are those of grpc/reflection/v1 and of
 * google/protobuf/descriptor.proto. */
#include "common/grpc/reflection.h"

#include "common/proto/descset.h"
#include "common/proto/wire.h"

enum {
    FILES_MAX = 512,
    NESTING_MAX = 16,
    RESPONSE_BYTES_MAX = 4 * 1024 * 1024,
};

/* FileDescriptorSet.file and fields of FileDescriptorProto */
enum {
    SET_FILE = 1,
    FILE_NAME = 1,
    FILE_PACKAGE = 2,
    FILE_DEPENDENCY = 3,
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6,
    FILE_EXTENSION = 7,
};
/* of DescriptorProto, EnumDescriptorProto, ServiceDescriptorProto, FieldDescriptorProto */
enum {
    ANY_NAME = 1,
    MESSAGE_FIELD = 2,
    MESSAGE_NESTED = 3,
    MESSAGE_ENUM = 4,
    MESSAGE_EXTENSION = 6,
    ENUM_VALUE = 2,
    SERVICE_METHOD = 2,
    FIELD_EXTENDEE = 2,
    FIELD_NUMBER = 3,
};
/* ServerReflectionRequest and -Response */
enum {
    ASK_FILE = 3,
    ASK_SYMBOL = 4,
    ASK_EXTENSION = 5,
    ASK_EXTENSION_NUMBERS = 6,
    ASK_SERVICES = 7,
    REPLY_HOST = 1,
    REPLY_REQUEST = 2,
    REPLY_FILES = 4,
    REPLY_EXTENSION_NUMBERS = 5,
    REPLY_SERVICES = 6,
    REPLY_ERROR = 7,
};

/* ---- finding things in the set ---- */

/* The `index`th file; empty after the last. */
static struct slice file_at(size_t index)
{
    struct wire_reader reader = wire_reader(proto_descriptor_set());
    struct wire_field field;

    while (wire_next(&reader, &field))
        if (field.number == SET_FILE && index-- == 0)
            return field.bytes;
    return SLICE_EMPTY;
}

static bool file_by_name(struct slice name, size_t *out)
{
    struct wire_reader reader = wire_reader(proto_descriptor_set());
    struct wire_field field;

    for (size_t i = 0; wire_next(&reader, &field); i++)
        if (slice_eq(wire_find_bytes(field.bytes, FILE_NAME), name)) {
            *out = i;
            return true;
        }
    return false;
}

/* Strip "first." from the front of `path`; false: it begins otherwise. A path that is `first` as a
 * whole becomes empty. */
static bool strip(struct slice *path, struct slice first)
{
    if (!slice_starts_with(*path, first))
        return false;
    if (path->len == first.len) {
        *path = SLICE_EMPTY;
        return true;
    }
    if (first.len && path->ptr[first.len] != '.')
        return false;
    const size_t skip = first.len ? first.len + 1 : 0;
    *path = slice_of(path->ptr + skip, path->len - skip);
    return true;
}

/* Does the descriptor `child` carry the first name of the path? Then that is stripped. */
static bool names(struct slice child, struct slice *path)
{
    return strip(path, wire_find_bytes(child, ANY_NAME));
}

static bool has_member(struct slice parent, uint32_t member_field, struct slice name)
{
    struct wire_reader reader = wire_reader(parent);
    struct wire_field field;

    while (wire_next(&reader, &field))
        if (field.number == member_field && slice_eq(wire_find_bytes(field.bytes, ANY_NAME), name))
            return true;
    return false;
}

/* Does the message declare `path` ("Nested.field", or nothing: itself)? */
static bool message_declares(struct slice message, struct slice path)
{
    for (int depth = 0; depth < NESTING_MAX; depth++) {
        struct wire_reader reader = wire_reader(message);
        struct wire_field field;
        bool deeper = false;

        if (path.len == 0 || has_member(message, MESSAGE_FIELD, path) ||
            has_member(message, MESSAGE_EXTENSION, path))
            return true;
        while (!deeper && wire_next(&reader, &field)) {
            struct slice rest = path;

            if (field.type != WIRE_BYTES || !names(field.bytes, &rest))
                continue;
            if (field.number == MESSAGE_ENUM)
                return rest.len == 0 || has_member(field.bytes, ENUM_VALUE, rest);
            if (field.number == MESSAGE_NESTED) {
                message = field.bytes;
                path = rest;
                deeper = true;
            }
        }
        if (!deeper)
            return false;
    }
    return false;
}

static bool file_declares(struct slice file, struct slice symbol)
{
    struct wire_reader reader = wire_reader(file);
    struct wire_field field;
    struct slice path = symbol;

    if (!strip(&path, wire_find_bytes(file, FILE_PACKAGE)) || path.len == 0)
        return false;
    while (wire_next(&reader, &field)) {
        struct slice rest = path;

        if (field.number < FILE_MESSAGE || field.number > FILE_EXTENSION ||
            field.type != WIRE_BYTES || !names(field.bytes, &rest))
            continue;
        if (rest.len == 0)
            return true;
        if (field.number == FILE_MESSAGE && message_declares(field.bytes, rest))
            return true;
        if (field.number == FILE_SERVICE && has_member(field.bytes, SERVICE_METHOD, rest))
            return true;
        if (field.number == FILE_ENUM && has_member(field.bytes, ENUM_VALUE, rest))
            return true;
    }
    return false;
}

static bool file_by_symbol(struct slice symbol, size_t *out)
{
    struct wire_reader reader = wire_reader(proto_descriptor_set());
    struct wire_field field;

    if (symbol.len && symbol.ptr[0] == '.')
        symbol = slice_of(symbol.ptr + 1, symbol.len - 1);
    for (size_t i = 0; wire_next(&reader, &field); i++)
        if (file_declares(field.bytes, symbol)) {
            *out = i;
            return true;
        }
    return false;
}

/* Is `extension` (a FieldDescriptorProto) one of the message `type`, named without a leading dot?
 */
static bool extends(struct slice extension, struct slice type)
{
    const struct slice extendee = wire_find_bytes(extension, FIELD_EXTENDEE);

    return extendee.len > 1 && slice_eq(slice_of(extendee.ptr + 1, extendee.len - 1), type);
}

/* The file that extends `type` with `number`; only extensions of file scope, as ours are. */
static bool file_by_extension(struct slice type, uint64_t number, size_t *out)
{
    struct wire_reader set = wire_reader(proto_descriptor_set());
    struct wire_field file, field;

    for (size_t i = 0; wire_next(&set, &file); i++) {
        struct wire_reader reader = wire_reader(file.bytes);

        while (wire_next(&reader, &field))
            if (field.number == FILE_EXTENSION && extends(field.bytes, type) &&
                wire_find_number(field.bytes, FIELD_NUMBER) == number) {
                *out = i;
                return true;
            }
    }
    return false;
}

/* ---- answers ---- */

/* ErrorResponse: code = 1, message = 2. */
static void put_error(struct buf *out, enum grpc_status status, const char *text,
                      struct slice subject)
{
    struct buf error, message;

    buf_init(&message, RESPONSE_BYTES_MAX);
    buf_init(&error, RESPONSE_BYTES_MAX);
    buf_append_slice(&message, slice_str(text));
    if (wire_utf8_ok(subject) && subject.len < 1000)
        buf_append_slice(&message, subject);
    wire_put_varint(&error, 1, status);
    wire_put_bytes(&error, 2, buf_slice(&message));
    wire_put_bytes(out, REPLY_ERROR, buf_slice(&error));
    buf_release(&message);
    buf_release(&error);
}

/* Append a file's dependencies to the queue, each once. */
static void queue_dependencies(struct slice file, size_t *queue, size_t *count)
{
    struct wire_reader reader = wire_reader(file);
    struct wire_field field;

    while (wire_next(&reader, &field)) {
        size_t index, k = 0;

        if (field.number != FILE_DEPENDENCY || !file_by_name(field.bytes, &index))
            continue;
        while (k < *count && queue[k] != index)
            k++;
        if (k == *count && *count < FILES_MAX)
            queue[(*count)++] = index;
    }
}

/* FileDescriptorResponse: file_descriptor_proto = 1; the file asked for first, then what it
 * imports. */
static void put_files(struct buf *out, size_t first)
{
    size_t queue[FILES_MAX], count = 1;
    struct buf files;

    buf_init(&files, RESPONSE_BYTES_MAX);
    queue[0] = first;
    for (size_t i = 0; i < count; i++) {
        const struct slice file = file_at(queue[i]);

        wire_put_bytes(&files, 1, file);
        queue_dependencies(file, queue, &count);
    }
    wire_put_bytes(out, REPLY_FILES, buf_slice(&files));
    buf_release(&files);
}

/* ListServiceResponse: service = 1 { name = 1 }. */
static void put_services(struct buf *out, const struct grpc_router *router)
{
    struct buf list, service;
    const char *name;

    buf_init(&list, RESPONSE_BYTES_MAX);
    buf_init(&service, RESPONSE_BYTES_MAX);
    for (size_t i = 0; (name = grpc_router_service(router, i)) != NULL; i++) {
        buf_clear(&service);
        wire_put_str(&service, 1, name);
        wire_put_bytes(&list, 1, buf_slice(&service));
    }
    wire_put_bytes(out, REPLY_SERVICES, buf_slice(&list));
    buf_release(&list);
    buf_release(&service);
}

/* ExtensionNumberResponse: base_type_name = 1, extension_number = 2. */
static void put_extension_numbers(struct buf *out, struct slice type)
{
    struct wire_reader set = wire_reader(proto_descriptor_set());
    struct wire_field file, field;
    struct buf numbers;
    size_t index;

    if (!file_by_symbol(type, &index)) {
        put_error(out, GRPC_STATUS_NOT_FOUND, "type not found: ", type);
        return;
    }
    buf_init(&numbers, RESPONSE_BYTES_MAX);
    wire_put_bytes(&numbers, 1, type);
    while (wire_next(&set, &file)) {
        struct wire_reader reader = wire_reader(file.bytes);

        while (wire_next(&reader, &field))
            if (field.number == FILE_EXTENSION && extends(field.bytes, type))
                wire_put_varint(&numbers, 2, wire_find_number(field.bytes, FIELD_NUMBER));
    }
    wire_put_bytes(out, REPLY_EXTENSION_NUMBERS, buf_slice(&numbers));
    buf_release(&numbers);
}

static void put_answer(struct buf *out, const struct grpc_router *router,
                       const struct wire_field *ask)
{
    size_t file;

    switch (ask->number) {
    case ASK_FILE:
        if (file_by_name(ask->bytes, &file))
            put_files(out, file);
        else
            put_error(out, GRPC_STATUS_NOT_FOUND, "file not found: ", ask->bytes);
        return;
    case ASK_SYMBOL:
        if (file_by_symbol(ask->bytes, &file))
            put_files(out, file);
        else
            put_error(out, GRPC_STATUS_NOT_FOUND, "symbol not found: ", ask->bytes);
        return;
    case ASK_EXTENSION:
        if (file_by_extension(wire_find_bytes(ask->bytes, 1), wire_find_number(ask->bytes, 2),
                              &file))
            put_files(out, file);
        else
            put_error(out, GRPC_STATUS_NOT_FOUND, "extension not found", SLICE_EMPTY);
        return;
    case ASK_EXTENSION_NUMBERS:
        put_extension_numbers(out, ask->bytes);
        return;
    case ASK_SERVICES:
        put_services(out, router);
        return;
    default:
        put_error(out, GRPC_STATUS_INVALID_ARGUMENT, "invalid MessageRequest", SLICE_EMPTY);
    }
}

static void on_message(void *arg, struct grpc_call *call, struct slice message, bool end)
{
    const struct grpc_router *router = arg;
    struct wire_reader reader = wire_reader(message);
    struct wire_field field, ask = {0};
    struct err_detail detail = {0};
    struct buf response;

    if (end) {
        grpc_call_finish(call);
        return;
    }
    while (wire_next(&reader, &field)) /* a oneof: the last one counts */
        if (field.number >= ASK_FILE && field.number <= ASK_SERVICES && field.type == WIRE_BYTES)
            ask = field;
    if (reader.failed) {
        const enum err err = err_fail(&detail, ERR_INTERNAL,
                                      "grpc: failed to unmarshal the received message: proto: "
                                      "cannot parse invalid wire-format data");

        grpc_call_fail(call, err, &detail);
        return;
    }
    buf_init(&response, 2 * RESPONSE_BYTES_MAX);
    wire_put_bytes(&response, REPLY_HOST, wire_find_bytes(message, 1));
    wire_put_bytes(&response, REPLY_REQUEST, message);
    put_answer(&response, router, &ask);
    if (!buf_ok(&response) || !grpc_call_send(call, buf_slice(&response))) {
        const enum err err = err_fail(&detail, ERR_BUSY, "too many unread responses");

        grpc_call_fail(call, err, &detail);
    }
    buf_release(&response);
}

/* A stream that its client leaves needs an answer, too. */
static void on_cancel(void *arg, struct grpc_call *call, enum grpc_cancel why)
{
    UNUSED(arg);
    UNUSED(why);
    grpc_call_fail(call, ERR_CANCELED, NULL);
}

static void server_reflection_info(void *ctx, struct grpc_call *call)
{
    grpc_call_on_cancel(call, on_cancel, NULL);
    grpc_call_on_message(call, on_message, ctx);
}

void grpc_reflection_register(struct grpc_router *router)
{
    grpc_router_add(router, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", GRPC_BIDI,
                    server_reflection_info, router);
    grpc_router_add(router, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                    GRPC_BIDI, server_reflection_info, router);
}
