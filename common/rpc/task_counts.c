/* task_counts.c - see task_counts.h. */
#include "common/rpc/task_counts.h"

#include "common/pack/record.h"

enum { COUNTS = 1, LEVEL_BYTES = 16 }; /* count and oldest of each priority, big-endian */

void rpc_task_counts_encode(const struct rpc_task_counts *counts, struct buf *out)
{
    uint8_t bytes[RPC_PRIORITIES * LEVEL_BYTES];
    struct rec_writer w;

    for (size_t i = 0; i < RPC_PRIORITIES; i++) {
        be64_put(bytes + i * LEVEL_BYTES, counts->at[i].count);
        be64_put(bytes + i * LEVEL_BYTES + 8, (uint64_t)counts->at[i].oldest_wall_ns);
    }
    rec_begin(&w, out);
    rec_put_bytes(&w, COUNTS, slice_of(bytes, sizeof bytes));
    rec_end(&w);
}

enum err rpc_task_counts_decode(struct arena *arena, struct slice body, struct rpc_task_counts *out)
{
    struct rec r;

    if (rec_decode(arena, body, &r) != ERR_OK)
        return ERR_CORRUPT;
    const struct slice bytes = rec_bytes(&r, COUNTS);
    if (r.malformed || bytes.len != (size_t)RPC_PRIORITIES * LEVEL_BYTES)
        return ERR_CORRUPT;
    for (size_t i = 0; i < RPC_PRIORITIES; i++) {
        out->at[i].count = be64_get(bytes.ptr + i * LEVEL_BYTES);
        out->at[i].oldest_wall_ns = (int64_t)be64_get(bytes.ptr + i * LEVEL_BYTES + 8);
    }
    return ERR_OK;
}

void rpc_task_counts_add(struct rpc_task_counts *sum, const struct rpc_task_counts *more)
{
    for (size_t i = 0; i < RPC_PRIORITIES; i++) {
        if (more->at[i].count == 0)
            continue;
        if (sum->at[i].count == 0 || more->at[i].oldest_wall_ns < sum->at[i].oldest_wall_ns)
            sum->at[i].oldest_wall_ns = more->at[i].oldest_wall_ns;
        sum->at[i].count += more->at[i].count;
    }
}
