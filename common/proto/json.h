/* json.h - API messages as JSON, in protobuf's canonical form; texts as JSON strings.
 *
 * Names in camel case, enums by name, bytes in base64, 64-bit numbers as strings, Duration,
 * Timestamp and FieldMask as texts, Any with "@type", what has its default left out. */
#ifndef GNOMON_PROTO_JSON_H
#define GNOMON_PROTO_JSON_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

#include <protobuf-c/protobuf-c.h>

struct json_style {
    bool indent;    /* by two blanks, a line per value */
    bool shorthand; /* payloads that are JSON as the value itself */
    bool html;      /* as Go's encoder: <, > and & are escaped, too */
    bool defaults;  /* also what has its default, but absent messages and oneofs */
};

/* Any generated struct; of well-formed depth only (proto_scan()).
 *
 * Errors: ERR_INVALID a value that has no JSON form (a Timestamp out of range, an unknown type in
 *         an Any), with a text; `out` then holds a part. */
MUST_USE enum err json_write_message(struct buf *out, const void *message,
                                     const struct json_style *style, struct err_detail *detail);

/* The same with Go's escapes, null where a value has no JSON form. */
void json_put_message(struct buf *out, const void *message);

/* A JSON string with its quotes, with Go's escapes. */
void json_put_string(struct buf *out, struct slice text);

/* ---- writing JSON step by step: commas and indentation come by themselves ---- */

struct json_writer {
    struct buf *out;
    bool indent, html;
    unsigned depth;
    char last; /* what was written last: 0, an opening or closing bracket, ':' or 'v' for a value */
};

void json_open(struct json_writer *w, char bracket);  /* { or [ */
void json_close(struct json_writer *w, char bracket); /* } or ] */
void json_name(struct json_writer *w, struct slice name);
void json_string(struct json_writer *w, struct slice text);
void json_raw(struct json_writer *w, const char *text); /* null, true, a number */
/* A place for a value that the caller appends to w->out. */
void json_value(struct json_writer *w);

/* ---- the JSON of payloads (json_payload.c) ---- */

struct json_node;

/* Any parsed JSON as Go's encoder gives it again: object keys sorted, numbers normalised. false: a
 * string in it is malformed. */
MUST_USE bool json_write_node(struct arena *arena, struct json_writer *w,
                              const struct json_node *node, bool keep_integers);

/* A Payload or Payloads message in its short form. false: it has none, nothing was written. */
MUST_USE bool json_write_shorthand(struct arena *arena, struct json_writer *w,
                                   const ProtobufCMessage *message);

/* The full form of a payload's JSON, when that is what it is, as a Payload on the wire; else the
 * short form. The text of `detail` is the reference's. */
MUST_USE enum err json_read_payload(struct arena *arena, const struct json_node *node,
                                    struct buf *out, struct err_detail *detail);

/* Standard or URL-safe base64, with or without padding. */
MUST_USE bool json_read_base64(struct buf *out, struct slice text);

#endif
