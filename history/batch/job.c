/* job.c - see job.h. */
#include "history/batch/job.h"

#include "common/base/hash.h"
#include "common/base/rng.h"
#include "common/pack/record.h"
#include "common/proto/wire.h"
#include "history/batch/operation.h"

#include <string.h>

enum { VERSION = 1 };
/* Keys of the state's row; 1 is the version of both rows. */
enum {
    KEY_VERSION = 1,
    KEY_STATE = 2,
    KEY_TYPE = 3,
    KEY_START = 4,
    KEY_CLOSE = 5,
    KEY_RETENTION = 6,
    KEY_COUNTED = 7,
    KEY_TOTAL = 8,
    KEY_SUCCESS = 9,
    KEY_FAILURE = 10,
    KEY_CURSOR = 11
};
enum { KEY_BODY = 2 }; /* of the request's row: an rpc_batch_start */

size_t batch_row_key(uint8_t out[BATCH_KEY_MAX], uint8_t tablet, enum batch_row row,
                     const uint8_t namespace_id[16], struct slice job_id)
{
    must(job_id.len <= RPC_ID_BYTES_MAX);
    out[0] = tablet;
    out[1] = 'J';
    out[2] = (uint8_t)row;
    memcpy(out + 3, namespace_id, 16);
    if (job_id.len > 0)
        memcpy(out + 19, job_id.ptr, job_id.len);
    return 19 + job_id.len;
}

void batch_start_row(const struct rpc_batch_start *start, struct buf *out)
{
    struct rec_writer w;
    struct buf body;

    buf_init(&body, 0);
    rpc_batch_start_encode(start, &body);
    rec_begin(&w, out);
    rec_put_u64(&w, KEY_VERSION, VERSION);
    rec_put_bytes(&w, KEY_BODY, buf_slice(&body));
    rec_end(&w);
    must(buf_ok(&body));
    buf_release(&body);
}

enum err batch_start_row_decode(struct arena *arena, struct slice value,
                                struct rpc_batch_start *out)
{
    struct rec r;
    const enum err err = rec_decode(arena, value, &r);

    if (err != ERR_OK)
        return err;
    const struct slice body = rec_bytes(&r, KEY_BODY);
    if (rec_u64(&r, KEY_VERSION, 0) == 0 || r.malformed)
        return ERR_CORRUPT;
    return rpc_batch_start_decode(arena, body, out);
}

void batch_state_row(const struct batch_state *state, struct buf *out)
{
    struct rec_writer w;

    rec_begin(&w, out);
    rec_put_u64(&w, KEY_VERSION, VERSION);
    rec_put_i64(&w, KEY_STATE, state->state);
    rec_put_i64(&w, KEY_TYPE, state->type);
    rec_put_i64(&w, KEY_START, state->start_ns);
    rec_put_i64(&w, KEY_CLOSE, state->close_ns);
    rec_put_i64(&w, KEY_RETENTION, state->retention_s);
    rec_put_bool(&w, KEY_COUNTED, state->counted);
    rec_put_i64(&w, KEY_TOTAL, state->total);
    rec_put_i64(&w, KEY_SUCCESS, state->success);
    rec_put_i64(&w, KEY_FAILURE, state->failure);
    rec_put_bytes(&w, KEY_CURSOR, slice_of(state->cursor, state->cursor_len));
    rec_end(&w);
}

enum err batch_state_row_decode(struct arena *arena, struct slice value, struct batch_state *out)
{
    struct rec r;
    const enum err err = rec_decode(arena, value, &r);

    if (err != ERR_OK)
        return err;
    *out = (struct batch_state){
        .state = (int32_t)rec_i64(&r, KEY_STATE, 0),
        .type = (int32_t)rec_i64(&r, KEY_TYPE, 0),
        .start_ns = rec_i64(&r, KEY_START, 0),
        .close_ns = rec_i64(&r, KEY_CLOSE, 0),
        .retention_s = rec_i64(&r, KEY_RETENTION, 0),
        .counted = rec_bool(&r, KEY_COUNTED, false),
        .total = rec_i64(&r, KEY_TOTAL, 0),
        .success = rec_i64(&r, KEY_SUCCESS, 0),
        .failure = rec_i64(&r, KEY_FAILURE, 0),
    };
    const struct slice cursor = rec_bytes(&r, KEY_CURSOR);
    if (rec_u64(&r, KEY_VERSION, 0) == 0 || r.malformed || cursor.len > sizeof out->cursor ||
        out->state < BATCH_OPERATION_STATE_RUNNING || out->state > BATCH_OPERATION_STATE_FAILED ||
        (out->state == BATCH_OPERATION_STATE_RUNNING) != (out->close_ns == 0))
        return ERR_CORRUPT;
    if (cursor.len > 0)
        memcpy(out->cursor, cursor.ptr, cursor.len);
    out->cursor_len = (uint32_t)cursor.len;
    return ERR_OK;
}

bool batch_row_is_whole(struct slice key, struct slice value)
{
    struct rpc_batch_start start;
    struct batch_state state;
    uint8_t own[BATCH_KEY_MAX], namespace_id[16];
    struct arena arena;
    bool whole = false;

    arena_init(&arena);
    if (key.len > 19 && key.len <= BATCH_KEY_MAX && key.ptr[2] == BATCH_ROW_STATE) {
        whole = batch_state_row_decode(&arena, value, &state) == ERR_OK;
    } else if (batch_start_row_decode(&arena, value, &start) == ERR_OK &&
               uuid_parse(start.namespace_id, namespace_id)) {
        const size_t len = batch_row_key(own, hash_tablet(start.namespace_id, start.job_id),
                                         BATCH_ROW_REQUEST, namespace_id, start.job_id);

        whole = slice_eq(slice_of(own, len), key);
    }
    arena_release(&arena);
    return whole;
}

int64_t batch_due_ns(const struct batch_state *state)
{
    int64_t span_ns, due_ns;

    if (state->close_ns == 0 ||
        __builtin_mul_overflow(state->retention_s, (int64_t)NS_PER_S, &span_ns) ||
        __builtin_add_overflow(state->close_ns, span_ns, &due_ns))
        return INT64_MAX;
    return due_ns;
}

void batch_order_key(const struct batch_state *state, struct slice job_id,
                     uint8_t out[BATCH_CURSOR_BYTES])
{
    be64_put(out, ~(uint64_t)(state->close_ns ? state->close_ns : INT64_MAX));
    be64_put(out + 8, ~(uint64_t)state->start_ns);
    be64_put(out + 16, hash_bytes(job_id, 1));
    be64_put(out + 24, hash_bytes(job_id, 2));
}

static pb_timestamp *timestamp(struct arena *arena, int64_t ns)
{
    if (ns == 0)
        return NULL;
    pb_timestamp *at = ARENA_NEW(arena, pb_timestamp);
    *at = (pb_timestamp)PB_TIMESTAMP_INIT;
    at->seconds = ns / NS_PER_S;
    at->nanos = (int32_t)(ns % NS_PER_S);
    return at;
}

struct slice batch_info(struct arena *arena, const struct batch_state *state, struct slice job_id)
{
    api_batch_operation_info info = API_BATCH_OPERATION_INFO_INIT;

    info.job_id = arena_str(arena, job_id);
    info.state = state->state;
    info.operation_type = state->type;
    info.start_time = timestamp(arena, state->start_ns);
    info.close_time = timestamp(arena, state->close_ns);
    return proto_encode(arena, &info);
}

/* Either form of the list. */
static void add_executions(struct arena *arena, const api_start_batch_operation_request *request,
                           api_describe_batch_operation_response *out)
{
    if (request->n_target_executions > 0) {
        out->n_executions = request->n_target_executions;
        out->executions = request->target_executions;
        return;
    }
    if (request->n_executions == 0)
        return;
    out->executions = ARENA_ARRAY(arena, api_execution *, request->n_executions);
    for (size_t i = 0; i < request->n_executions; i++) {
        api_execution *execution = ARENA_NEW(arena, api_execution);

        *execution = (api_execution)API_EXECUTION_INIT;
        execution->type = EXECUTION_TYPE_WORKFLOW;
        execution->business_id = request->executions[i]->workflow_id;
        execution->run_id = request->executions[i]->run_id;
        out->executions[out->n_executions++] = execution;
    }
}

struct slice batch_description(struct arena *arena, const struct batch_state *state,
                               const api_start_batch_operation_request *request)
{
    api_describe_batch_operation_response out = API_DESCRIBE_BATCH_OPERATION_RESPONSE_INIT;

    out.operation_type = state->type;
    out.job_id = request->job_id;
    out.state = state->state;
    out.start_time = timestamp(arena, state->start_ns);
    out.close_time = timestamp(arena, state->close_ns);
    /* Spec: a job that is complete has done what it has done, whatever it counted before. */
    out.total_operation_count = state->state == BATCH_OPERATION_STATE_COMPLETED
                                    ? state->success + state->failure
                                    : state->total;
    out.complete_operation_count = state->success;
    out.failure_operation_count = state->failure;
    out.identity = arena_str(arena, slice_str(batch_operation_identity(request)));
    out.reason = request->reason;
    out.query = request->visibility_query;
    add_executions(arena, request, &out);
    return proto_encode(arena, &out);
}
