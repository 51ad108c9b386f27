/* dynval.h - a value of a YAML file as a tree: null, scalars, lists and maps. */
#ifndef GNOMON_DYNVAL_H
#define GNOMON_DYNVAL_H

#include "common/base/arena.h"
#include "common/base/err.h"

enum dynval_kind {
    DYNVAL_NULL,
    DYNVAL_BOOL,
    DYNVAL_INT,
    DYNVAL_FLOAT,
    DYNVAL_STRING,
    DYNVAL_LIST,
    DYNVAL_MAP,
};

struct dynval_item;

struct dynval {
    enum dynval_kind kind;
    uint32_t line;             /* of the file, from 1 on */
    bool boolean;              /* BOOL */
    int64_t integer;           /* INT */
    double real;               /* FLOAT */
    struct slice text;         /* of any scalar, as it is written */
    struct dynval_item *items; /* LIST (without keys), MAP */
    size_t count;
};

struct dynval_item {
    struct slice key;
    struct dynval value;
};

enum {
    DYNVAL_BYTES_MAX = 1 << 20, /* of a file */
    DYNVAL_NODES_MAX = 100000,
    DYNVAL_DEPTH_MAX = 32,
};

/* Parse one YAML document into the arena, which `text` need not outlive; an empty file is a null.
 * ERR_INVALID: detail says where and what. */
MUST_USE enum err dynval_parse(struct arena *arena, struct slice text, struct dynval *out,
                               struct err_detail *detail);

/* An entry of a map by its name in any case; NULL: none, or not a map. */
const struct dynval *dynval_get(const struct dynval *map, const char *name);

/* Case does not count. */
bool dynval_same_name(struct slice a, struct slice b);

/* A copy with everything that it points to. */
struct dynval dynval_copy(struct arena *arena, const struct dynval *value);

/* The conversions of the reference; false: not convertible. */
bool dynval_to_int(const struct dynval *value, int64_t *out);
bool dynval_to_float(const struct dynval *value, double *out);
bool dynval_to_bool(const struct dynval *value, bool *out);
/* "1m30s", "2d", "1.5h"; a number without a unit is in seconds. */
bool dynval_to_duration(const struct dynval *value, int64_t *out_ns);
bool dynval_parse_duration(struct slice text, int64_t *out_ns);

#endif
