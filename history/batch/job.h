/* job.h - a batch job as it is stored: what was asked for, and how far it has come.
 *
 * Keys (the tablet is that of the job id, as if it were a workflow id):
 *   J  tablet 'J' 'r' ns-id(16) job-id    what was asked for; never changes
 *   J  tablet 'J' 's' ns-id(16) job-id    state, counters, cursor
 * Both go when the retention of a job that has ended passes. */
#ifndef GNOMON_BATCH_JOB_H
#define GNOMON_BATCH_JOB_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/rpc/batch.h"

#include "api.h"

enum { BATCH_CURSOR_BYTES = 32, BATCH_KEY_MAX = 19 + RPC_ID_BYTES_MAX };
enum batch_row { BATCH_ROW_REQUEST = 'r', BATCH_ROW_STATE = 's' };

/* Gives the length of the key in `out`. */
size_t batch_row_key(uint8_t out[BATCH_KEY_MAX], uint8_t tablet, enum batch_row row,
                     const uint8_t namespace_id[16], struct slice job_id);

void batch_start_row(const struct rpc_batch_start *start, struct buf *out);
MUST_USE enum err batch_start_row_decode(struct arena *arena, struct slice value,
                                         struct rpc_batch_start *out);

struct batch_state {
    int32_t state;              /* BATCH_OPERATION_STATE_* */
    int32_t type;               /* BATCH_OPERATION_TYPE_* */
    int64_t start_ns, close_ns; /* by the shard's clock; close 0: it runs */
    int64_t retention_s;
    bool counted; /* the executions: `total` is known */
    int64_t total, success, failure;
    uint8_t cursor[BATCH_CURSOR_BYTES]; /* the order key of the last execution of the pages that */
    uint32_t cursor_len;                /* are done, or the number of them in a list; 0: none */
};
void batch_state_row(const struct batch_state *state, struct buf *out);
MUST_USE enum err batch_state_row_decode(struct arena *arena, struct slice value,
                                         struct batch_state *out);
/* Can this row be read, and does it stand where it belongs? */
bool batch_row_is_whole(struct slice key, struct slice value);
/* When the rows of a job that has ended go; INT64_MAX: it runs. */
int64_t batch_due_ns(const struct batch_state *state);

/* The place in the list of jobs: those that run first, then by the time they ended, each by start
 * time, newest first. */
void batch_order_key(const struct batch_state *state, struct slice job_id,
                     uint8_t out[BATCH_CURSOR_BYTES]);
/* temporal.api.batch.v1.BatchOperationInfo, and DescribeBatchOperationResponse, encoded. */
struct slice batch_info(struct arena *arena, const struct batch_state *state, struct slice job_id);
struct slice batch_description(struct arena *arena, const struct batch_state *state,
                               const api_start_batch_operation_request *request);

#endif
