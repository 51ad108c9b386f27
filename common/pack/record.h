/* record.h - msgpack maps with small integer keys: the form of every envelope body, token and
 * stored row that is not an API message.
 *
 * A record starts with rec_begin() and ends with rec_end(); keys are declared by its owner and
 * never reused. Readers skip unknown keys and give the default for absent ones: so versions N
 * and N-1 read each other's records. Decoding takes hostile bytes: depth, counts and sizes are
 * bounded, a wrong type counts as absent and sets `malformed`. */
#ifndef GNOMON_RECORD_H
#define GNOMON_RECORD_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

/* -- writing: straight into a buf, which keeps the failure if there is one ----------------- */

struct rec_writer {
    struct buf *out;
    size_t count_at[8]; /* where the entry counts of the open records stand */
    uint32_t count[8];
    uint32_t depth;
};

void rec_begin(struct rec_writer *w, struct buf *out); /* the outermost record */
void rec_end(struct rec_writer *w);                    /* closes the innermost open one */
void rec_put_u64(struct rec_writer *w, uint32_t key, uint64_t value);
void rec_put_i64(struct rec_writer *w, uint32_t key, int64_t value);
void rec_put_bool(struct rec_writer *w, uint32_t key, bool value);
void rec_put_bytes(struct rec_writer *w, uint32_t key, struct slice value);
void rec_put_str(struct rec_writer *w, uint32_t key, const char *text); /* NULL: nothing written */

/* An array of records: rec_list(w, key, n), then n times rec_item(w) ... rec_end(w). */
void rec_list(struct rec_writer *w, uint32_t key, uint32_t count);
void rec_item(struct rec_writer *w);
/* An array of byte strings: rec_list(w, key, n), then n times rec_elem_bytes(). */
void rec_elem_bytes(struct rec_writer *w, struct slice value);

/* -- reading: byte strings point into the input, the rest into the arena -------------------- */

struct rec_entry; /* a decoded entry, see record.c */

struct rec {
    const struct rec_entry *entries;
    uint32_t count;
    bool malformed; /* an entry asked for had the wrong type */
};

/* ERR_CORRUPT: not one well-formed record. `input` must live as long as what is read from it. */
MUST_USE enum err rec_decode(struct arena *arena, struct slice input, struct rec *out);

bool rec_has(const struct rec *r, uint32_t key);
uint64_t rec_u64(struct rec *r, uint32_t key, uint64_t absent);
int64_t rec_i64(struct rec *r, uint32_t key, int64_t absent);
bool rec_bool(struct rec *r, uint32_t key, bool absent);
struct slice rec_bytes(struct rec *r, uint32_t key); /* empty when absent */
/* Text in the arena with a NUL; "" when absent or when it holds a NUL itself (then malformed). */
const char *rec_str(struct rec *r, struct arena *arena, uint32_t key);
/* Number of elements of a list; element i as a record or as bytes. */
uint32_t rec_list_count(struct rec *r, uint32_t key);
struct rec rec_list_item(struct rec *r, uint32_t key, uint32_t index);
struct slice rec_list_bytes(struct rec *r, uint32_t key, uint32_t index);

#endif
