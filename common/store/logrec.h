/* logrec.h - the bytes of one log record: a header with lease, sequence and digest, then row
 * operations. Part of the stored format; reading takes hostile bytes.
 *
 *   header  magic 4, shard id 4, sequence 8, range id 8, nonce 8, operations 4, payload bytes 4,
 *           XXH64 of payload, seeded with the XXH64 of the header before it, 8; all big-endian
 *   one op  kind | family << 4 (1), key bytes (2), value bytes (4), key, value */
#ifndef GNOMON_STORE_LOGREC_H
#define GNOMON_STORE_LOGREC_H

#include "common/base/buf.h"
#include "common/store/store.h"

enum { LOGREC_HEADER = 48, LOGREC_OP_HEADER = 7 };
/* The largest record: a transition at its bounds. */
enum {
    LOGREC_OPS_MAX = 64 * 1024, /* of one transition */
    LOGREC_MAX = LOGREC_HEADER + STORE_TRANSITION_MAX + LOGREC_OPS_MAX * LOGREC_OP_HEADER
};

struct logrec_header {
    uint32_t shard_id;
    int64_t seq, range_id;
    uint64_t nonce;
    uint32_t op_count;
};

void logrec_begin(struct buf *out); /* room for the header */
void logrec_op(struct buf *out, const struct store_op *op);
void logrec_seal(struct buf *out, const struct logrec_header *header);

/* Checks everything, every operation included. ERR_CORRUPT, with a text. */
MUST_USE enum err logrec_check(struct slice record, struct logrec_header *header,
                               struct err_detail *detail);

/* The operations of a checked record, in order: *at starts at 0. False: no more. */
bool logrec_next(struct slice record, size_t *at, struct store_op *op);

#endif
