/* json_read.h - API messages from JSON, as protobuf's canonical form has them: straight to the
 * wire.
 *
 * Taken are names in camel case and as the schema has them, enums by number, name or the part of it
 * behind the type, 64-bit numbers with and without quotes. Texts of errors are the reference's. */
#ifndef GNOMON_PROTO_JSON_READ_H
#define GNOMON_PROTO_JSON_READ_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

#include <protobuf-c/protobuf-c.h>

struct json_node;

/* Append the message's bytes. White space alone is an empty message; what follows the first value
 * is not looked at. `shorthand`: payloads may be plain JSON (json.h).
 *
 * Errors: ERR_INVALID with a text; `out` then holds a part. */
MUST_USE enum err json_read_message(struct arena *arena, const ProtobufCMessageDescriptor *desc,
                                    struct slice text, bool shorthand, struct buf *out,
                                    struct err_detail *detail);

/* A Timestamp's (RFC 3339) and a Duration's ("1.5s") text. false: not one. */
MUST_USE bool json_read_timestamp(struct slice text, int64_t *seconds, int32_t *nanos);
MUST_USE bool json_read_duration(struct slice text, int64_t *seconds, int32_t *nanos);

#endif
