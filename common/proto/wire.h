/* wire.h - protobuf at the byte level: the scan of outside bytes, decoding into arenas, splicing.
 *
 * What comes from outside is decoded by proto_decode() only: protobuf-c alone has no limit of
 * depth, checks no UTF-8 and cuts strings at NUL. */
#ifndef GNOMON_PROTO_WIRE_H
#define GNOMON_PROTO_WIRE_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

#include <protobuf-c/protobuf-c.h>

enum {
    PROTO_DEPTH_MAX = 100,                      /* messages in messages, the outermost is 1 */
    PROTO_DECODED_BYTES_MAX = 64 * 1024 * 1024, /* memory that decoding one message may take */
};

/* Check bytes against a message type, without decoding: well-formed, at most PROTO_DEPTH_MAX deep,
 * at most PROTO_DECODED_BYTES_MAX when decoded, strings valid UTF-8 without NUL. Iterative.
 *
 * Errors: ERR_INTERNAL malformed, with gRPC's text `grpc: error unmarshalling request: proto: ...`;
 *         ERR_INVALID a NUL in a string; ERR_BUSY too large when decoded. */
MUST_USE enum err proto_scan(const ProtobufCMessageDescriptor *desc, struct slice bytes,
                             struct err_detail *detail);

/* Scan, then unpack into the arena. `out` is the address of a pointer to the message's struct:
 *
 *     api_start_workflow_execution_request *req;
 *     err = proto_decode(&call->arena, &api_start_workflow_execution_request__desc, call->request,
 *                        &req, &detail);
 *
 * Errors: those of proto_scan(); *out is then untouched. */
MUST_USE enum err proto_decode(struct arena *arena, const ProtobufCMessageDescriptor *desc,
                               struct slice bytes, void *out, struct err_detail *detail);

/* `message` is any generated struct (its first member is a ProtobufCMessage). */
struct slice proto_encode(struct arena *arena, const void *message);
/* The same as one field of a larger message, or as bare bytes, at the end of a buffer. */
void proto_put(struct buf *buf, uint32_t field, const void *message);
void proto_append(struct buf *buf, const void *message);

/* An allocator that takes from an arena and frees nothing. */
ProtobufCAllocator proto_allocator(struct arena *arena);

/* ---- writing fields: a message is the concatenation of its fields ---- */

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

void wire_put_tag(struct buf *buf, uint32_t field, enum wire_type type);
void wire_put_raw_varint(struct buf *buf, uint64_t value); /* no tag */
void wire_put_varint(struct buf *buf, uint32_t field, uint64_t value);
void wire_put_bool(struct buf *buf, uint32_t field, bool value);
void wire_put_fixed64(struct buf *buf, uint32_t field, uint64_t value);
void wire_put_fixed32(struct buf *buf, uint32_t field, uint32_t value);
/* A bytes or string field, or an encoded message. Written also when empty. */
void wire_put_bytes(struct buf *buf, uint32_t field, struct slice bytes);
/* Nothing is written for NULL or "". */
void wire_put_str(struct buf *buf, uint32_t field, const char *text);
/* google.protobuf.Timestamp and Duration. */
void wire_put_timestamp(struct buf *buf, uint32_t field, int64_t wall_ns);
void wire_put_duration(struct buf *buf, uint32_t field, int64_t ns);
/* Only tag and length: the `len` bytes that follow are sent as a part of their own
 * (grpc_call_reply_parts()). At most 15 bytes; gives how many. */
size_t wire_head(uint8_t out[15], uint32_t field, size_t len);

/* ---- reading fields ---- */

struct wire_reader {
    const uint8_t *at, *end;
    bool failed; /* the bytes ended inside a field, or are malformed */
};

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;     /* WIRE_VARINT, WIRE_FIXED64, WIRE_FIXED32 */
    struct slice bytes; /* WIRE_BYTES: the content */
    struct slice raw;   /* the whole field, tag included: what a splice copies */
};

static inline struct wire_reader wire_reader(struct slice bytes)
{
    return (struct wire_reader){bytes.ptr, bytes.ptr + bytes.len, false};
}

/* false: the end, or reader->failed. */
MUST_USE bool wire_next(struct wire_reader *reader, struct wire_field *out);

/* The content of the last field `number` of WIRE_BYTES type (proto3: the last one counts); empty
 * when absent or malformed. */
struct slice wire_find_bytes(struct slice message, uint32_t number);
/* The value of the last field `number` of a number type; 0 when absent or malformed. */
uint64_t wire_find_number(struct slice message, uint32_t number);

bool wire_utf8_ok(struct slice text);

/* ---- Timestamp and Duration as nanoseconds ---- */

struct Google__Protobuf__Timestamp;
struct Google__Protobuf__Duration;

/* NULL gives 0. ERR_INVALID: outside the type's range or outside int64 nanoseconds. */
MUST_USE enum err proto_timestamp_ns(const struct Google__Protobuf__Timestamp *t, int64_t *out);
MUST_USE enum err proto_duration_ns(const struct Google__Protobuf__Duration *d, int64_t *out);
/* As an operator reads an optional duration: out of range is clipped to int64. */
int64_t proto_duration_ns_clip(const struct Google__Protobuf__Duration *d);
struct Google__Protobuf__Timestamp *proto_timestamp(struct arena *arena, int64_t wall_ns);
struct Google__Protobuf__Duration *proto_duration(struct arena *arena, int64_t ns);

#endif
