/* memtable.h - rows newer than the tables: an ordered map that keeps every version of a key.
 *
 * One thread writes at a time, any number read meanwhile without a lock: a reader names the
 * highest sequence that it may see. Nodes and versions are never changed or freed while the
 * memtable lives; it is counted, and dies with its last reference. */
#ifndef GNOMON_STORE_MEMTABLE_H
#define GNOMON_STORE_MEMTABLE_H

#include "common/store/store.h"

struct memtable;
struct memtable_node; /* a key and its versions */

struct memtable *memtable_new(void); /* one reference */
void memtable_ref(struct memtable *m);
void memtable_unref(struct memtable *m);

/* Sequences never go down. The bytes are copied. */
void memtable_apply(struct memtable *m, int64_t seq, enum store_op_kind kind, struct slice key,
                    struct slice value);

size_t memtable_bytes(const struct memtable *m); /* of memory */
size_t memtable_count(const struct memtable *m); /* of keys */

/* A row, or the tombstone that hides older ones; bytes live as long as the memtable. */
struct memtable_row {
    struct slice key, value;
    bool deleted;
    bool elidable; /* deleted, and inserted in this same memtable: no row lies beneath */
};

/* False: nothing at or below `max_seq` for this key here. */
bool memtable_get(const struct memtable *m, struct slice key, int64_t max_seq,
                  struct memtable_row *row);

/* A walk in order of keys over what `max_seq` may see. */
struct memtable_iter {
    const struct memtable *m;
    const struct memtable_node *node; /* NULL: at the end */
    int64_t max_seq;
    bool reverse;
    struct memtable_row row; /* the current one, if memtable_iter_valid() */
};

/* At the first key >= `from`, or, `reverse`, at the last key < `from` (empty: the very last). */
void memtable_iter_seek(struct memtable_iter *it, const struct memtable *m, struct slice from,
                        bool reverse, int64_t max_seq);
void memtable_iter_next(struct memtable_iter *it);

static inline bool memtable_iter_valid(const struct memtable_iter *it)
{
    return it->node != NULL;
}

#endif
