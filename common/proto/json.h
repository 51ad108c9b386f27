/* json.h - API messages as JSON, in protobuf's canonical form; texts as JSON strings. */
#ifndef GNOMON_PROTO_JSON_H
#define GNOMON_PROTO_JSON_H

#include "common/base/buf.h"

#include <protobuf-c/protobuf-c.h>

/* A JSON string with its quotes. As Go's encoder: <, > and & are escaped, too. */
void json_put_string(struct buf *out, struct slice text);

/* Any generated struct: names in camel case, enums by name, bytes in base64, 64-bit numbers as
 * strings, Duration and Timestamp as texts, what has its default left out. Messages of well-formed
 * depth only (proto_scan()). */
void json_put_message(struct buf *out, const void *message);

#endif
