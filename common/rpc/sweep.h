/* sweep.h - the answer of HISTORY_SWEEP_NAMESPACE. */
#ifndef GNOMON_RPC_SWEEP_H
#define GNOMON_RPC_SWEEP_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

struct rpc_swept {
    uint32_t found; /* runs of the namespace, whose deletion has begun; 0: there is none */
};
void rpc_swept_encode(const struct rpc_swept *swept, struct buf *out);
MUST_USE enum err rpc_swept_decode(struct arena *arena, struct slice body, struct rpc_swept *out);

#endif
