/* json_parse.h - JSON text into a tree, with the texts of Go's encoding/json for what is malformed.
 *
 * The tree lives in the arena and points into the text, which must live as long. Malformed UTF-8
 * and escapes that name no character are no error here but marked (`bad`), for who uses the string
 * to refuse. */
#ifndef GNOMON_PROTO_JSON_PARSE_H
#define GNOMON_PROTO_JSON_PARSE_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

enum {
    JSON_DEPTH_MAX = 1000,      /* arrays and objects in one another */
    JSON_NODES_MAX = 500 * 1000 /* values and names of one text */
};

enum json_kind {
    JSON_NULL = 1,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
    JSON_NAME, /* of an object's member: its value is `child` */
};

struct json_node {
    enum json_kind kind;
    struct slice raw;  /* as it is written; of an array or object only the bracket */
    struct slice text; /* of strings and names: what they say */
    const char *bad;   /* why the string says nothing; NULL: it is fine */
    struct json_node *next, *child;
};

/* The first value of `text`; what follows it, but white space, is *rest (may be NULL). *out is NULL
 * when there is nothing but white space. Errors: ERR_INVALID, with a text. */
MUST_USE enum err json_parse(struct arena *arena, struct slice text, struct json_node **out,
                             struct slice *rest, struct err_detail *detail);

/* Line and column of a byte, from 1; columns count characters. */
void json_position(struct slice text, const uint8_t *at, size_t *line, size_t *column);

/* Numbers as protobuf's JSON reads them: 1e3 and 10.0 are integers, 1.5 is none. false: not one, or
 * out of range. `raw` is a JSON number. */
MUST_USE bool json_number_i64(struct slice raw, int64_t *out);
MUST_USE bool json_number_u64(struct slice raw, uint64_t *out);
MUST_USE bool json_number_double(struct slice raw, double *out);
MUST_USE bool json_number_float(struct slice raw, float *out);
/* Is the text as a whole one JSON number? */
MUST_USE bool json_is_number(struct slice text);

/* The shortest digits that give the number back, in Go's form; NaN and infinities in quotes. */
void json_put_double(struct buf *out, double value);
void json_put_float(struct buf *out, float value);

#endif
