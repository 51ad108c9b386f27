/* codec.h - the small encodings of gRPC over HTTP/2: time-outs, messages, details, gzip. */
#ifndef GNOMON_GRPC_CODEC_H
#define GNOMON_GRPC_CODEC_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

enum { GRPC_PREFIX_BYTES = 5 }; /* compressed flag, then the length, big-endian */

/* A grpc-timeout value ("100m") as nanoseconds, clipped to INT64_MAX. The text of `detail` is
 * grpc-go's. Errors: ERR_INTERNAL. */
MUST_USE enum err grpc_timeout_parse(struct slice value, int64_t *out_ns,
                                     struct err_detail *detail);

/* Append a grpc-message value: printable ASCII but '%' as it is, the rest as %XX, malformed UTF-8
 * as U+FFFD. */
void grpc_message_encode(struct buf *out, struct slice text);

/* Append base64 without padding, as the value of a -bin header. */
void grpc_base64_encode(struct buf *out, struct slice bytes);
/* With or without padding. false: not base64. */
MUST_USE bool grpc_base64_decode(struct buf *out, struct slice text);

/* Append a google.rpc.Status with the one detail `type` (a full message name), `payload`. */
void grpc_status_encode(struct buf *out, enum grpc_status status, struct slice text,
                        const char *type, struct slice payload);

/* Decompress a whole gzip message. The result is in the arena.
 * Errors: ERR_BUSY more than max_bytes; ERR_INTERNAL not gzip; the text of `detail` is grpc-go's.
 */
MUST_USE enum err grpc_gunzip(struct arena *arena, struct slice packed, size_t max_bytes,
                              struct slice *out, struct err_detail *detail);

/* Append the parts as one gzip message, at the fastest level. `out` is failed at its cap. */
void grpc_gzip(struct buf *out, const struct slice *parts, size_t count);

#endif
