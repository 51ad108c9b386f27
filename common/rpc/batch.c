/* batch.c - see batch.h. */
#include "common/rpc/batch.h"

#include "common/base/rng.h"
#include "common/pack/record.h"

enum {
    NAMESPACE_ID = 1,
    NAMESPACE_NAME = 2,
    RETENTION = 3,
    JOB_ID = 4,
    START_ID = 5,
    REQUEST = 6,
    QUERY = 7,
    RUN_ID = 8
};

void rpc_batch_start_encode(const struct rpc_batch_start *start, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_bytes(&w, NAMESPACE_ID, start->namespace_id);
    rec_put_bytes(&w, NAMESPACE_NAME, start->namespace_name);
    rec_put_i64(&w, RETENTION, start->retention_s);
    rec_put_bytes(&w, JOB_ID, start->job_id);
    rec_put_bytes(&w, START_ID, start->start_id);
    rec_put_bytes(&w, REQUEST, start->request);
    rec_put_bytes(&w, QUERY, start->query);
    rec_put_bytes(&w, RUN_ID, start->run_id);
    rec_end(&w);
}

enum err rpc_batch_start_decode(struct arena *arena, struct slice body, struct rpc_batch_start *out)
{
    struct rec r;

    if (rec_decode(arena, body, &r) != ERR_OK)
        return ERR_CORRUPT;
    *out = (struct rpc_batch_start){
        .namespace_id = rec_bytes(&r, NAMESPACE_ID),
        .namespace_name = rec_bytes(&r, NAMESPACE_NAME),
        .retention_s = rec_i64(&r, RETENTION, 0),
        .job_id = rec_bytes(&r, JOB_ID),
        .start_id = rec_bytes(&r, START_ID),
        .request = rec_bytes(&r, REQUEST),
        .query = rec_bytes(&r, QUERY),
        .run_id = rec_bytes(&r, RUN_ID),
    };
    if (r.malformed || out->namespace_id.len != UUID_TEXT_LEN ||
        out->start_id.len != UUID_TEXT_LEN || out->run_id.len != UUID_TEXT_LEN ||
        out->job_id.len == 0 || out->job_id.len > RPC_ID_BYTES_MAX || out->retention_s < 0)
        return ERR_CORRUPT;
    return ERR_OK;
}

bool rpc_batch_is_open(struct slice order_key)
{
    return order_key.len >= 8 && be64_get(order_key.ptr) == ~(uint64_t)INT64_MAX;
}
