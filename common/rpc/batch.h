/* batch.h - the bodies of the mesh methods of batch jobs.
 *
 * A job belongs to the history shard of its id, taken as a workflow id. HISTORY_LIST_BATCHES takes
 * a struct rpc_list without a query and gives items whose info is a BatchOperationInfo; the order
 * keys are made as those of executions, so that jobs that run come first. */
#ifndef GNOMON_RPC_BATCH_H
#define GNOMON_RPC_BATCH_H

#include "common/rpc/rpc.h"

/* HISTORY_START_BATCH; this is what a job keeps, too. */
struct rpc_batch_start {
    struct slice namespace_id, namespace_name;
    int64_t retention_s;
    struct slice job_id;
    struct slice start_id; /* a UUID in text form, drawn for this start: repeats are recognised */
    struct slice run_id;   /* another, by which clients that start it again know it */
    struct slice request;  /* temporal.api.workflowservice.v1.StartBatchOperationRequest */
    struct slice query;    /* vis_query_encode() of what it acts on; of a list of them empty */
};
void rpc_batch_start_encode(const struct rpc_batch_start *start, struct buf *out);
MUST_USE enum err rpc_batch_start_decode(struct arena *arena, struct slice body,
                                         struct rpc_batch_start *out);

/* Does the order key of an item of HISTORY_LIST_BATCHES say that the job runs? */
bool rpc_batch_is_open(struct slice order_key);

#endif
