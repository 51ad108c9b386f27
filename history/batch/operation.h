/* operation.h - what a batch job asks of one execution: API requests made of the job's own.
 *
 * Pure; everything made lives in the arena and borrows from the job's request. A reset first needs
 * to know where to: one or more look-ups of the execution's history, or of its reset points. */
#ifndef GNOMON_BATCH_OPERATION_H
#define GNOMON_BATCH_OPERATION_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/mesh/mesh.h"

#include "api.h"

#define BATCH_OPERATION(name)                                                                      \
    TEMPORAL__API__WORKFLOWSERVICE__V1__START_BATCH_OPERATION_REQUEST__OPERATION_##name

struct batch_target {
    struct slice workflow_id, run_id; /* run_id "": the current run */
};

/* A call to the owner of the target's workflow id: the request of a struct rpc_api. */
struct batch_call {
    enum mesh_method method;
    struct slice request;
};

enum batch_lookup {
    BATCH_LOOKUP_NONE,
    BATCH_LOOKUP_FIRST_TASK, /* pages of history */
    BATCH_LOOKUP_LAST_TASK,  /* pages of history, from its end */
    BATCH_LOOKUP_BUILD_ID,   /* a description */
};

/* Where a reset goes. */
struct batch_reset_point {
    int64_t event_id;    /* 0: not found yet */
    struct slice run_id; /* "": that of the target */
};

/* The type of the operation, as DescribeBatchOperation shows it; BATCH_OPERATION_TYPE_UNSPECIFIED:
 * none that is carried out here. */
int32_t batch_operation_type(const api_start_batch_operation_request *request);
const char *batch_operation_identity(const api_start_batch_operation_request *request);

enum batch_lookup batch_lookup_of(const api_start_batch_operation_request *request);
/* The look-up's next call; `page_token` is that of the answer before. */
struct batch_call batch_lookup_call(struct arena *arena,
                                    const api_start_batch_operation_request *request,
                                    const struct batch_target *target, struct slice page_token);
/* Take its answer. ERR_OK: go on with *page_token, or, when that is empty, `point` is whole.
 * ERR_INVALID: there is no such point; detail says why. */
MUST_USE enum err batch_lookup_answered(struct arena *arena,
                                        const api_start_batch_operation_request *request,
                                        const struct batch_target *target, struct slice answer,
                                        int64_t now_ns, struct batch_reset_point *point,
                                        struct slice *page_token, struct err_detail *detail);

/* The operation itself. `key` names the job: the same key and target make the same request id.
 * `point`: of a reset; what the target names of it is filled in. */
struct batch_call batch_operation_call(struct arena *arena,
                                       const api_start_batch_operation_request *request,
                                       struct slice key, const struct batch_target *target,
                                       const struct batch_reset_point *point);

#endif
