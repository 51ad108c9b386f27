/* job_test.c - rows that come back as they were; the order of the list; what is shown. */
#include "history/batch/job.h"

#include "common/base/hash.h"
#include "common/base/rng.h"
#include "common/proto/wire.h"
#include "tests/lib/test.h"

#define NAMESPACE "0190c1f2-0000-7000-8000-0000000000aa"
#define START_ID "0190c1f2-0000-7000-8000-0000000000bb"

static const struct batch_state running = {
    .state = BATCH_OPERATION_STATE_RUNNING,
    .type = BATCH_OPERATION_TYPE_SIGNAL_WORKFLOW,
    .start_ns = 1700000000 * NS_PER_S + 5,
    .retention_s = 86400,
    .counted = true,
    .total = 7,
    .success = 3,
    .failure = 1,
    .cursor = {1, 2, 3},
    .cursor_len = 32,
};

static struct slice encoded(struct arena *arena, const struct batch_state *state)
{
    struct buf buf;

    buf_init(&buf, 0);
    batch_state_row(state, &buf);
    const struct slice bytes = arena_copy(arena, buf_slice(&buf));
    buf_release(&buf);
    return bytes;
}

TEST(a_state_comes_back)
{
    struct batch_state out;
    struct arena arena;

    arena_init(&arena);
    check_ok(batch_state_row_decode(&arena, encoded(&arena, &running), &out));
    check_i64(out.state, running.state);
    check_i64(out.type, running.type);
    check_i64(out.start_ns, running.start_ns);
    check_i64(out.close_ns, 0);
    check_i64(out.retention_s, 86400);
    check(out.counted);
    check_i64(out.total, 7);
    check_i64(out.success, 3);
    check_i64(out.failure, 1);
    check_slice(slice_of(out.cursor, out.cursor_len), slice_of(running.cursor, 32));
    arena_release(&arena);
}

TEST(a_state_that_can_not_be_is_refused)
{
    struct batch_state state = running, out;
    struct arena arena;

    arena_init(&arena);
    state.close_ns = 5; /* runs, and has ended */
    check_err(batch_state_row_decode(&arena, encoded(&arena, &state), &out), ERR_CORRUPT);
    state = running;
    state.state = BATCH_OPERATION_STATE_COMPLETED;
    check_err(batch_state_row_decode(&arena, encoded(&arena, &state), &out), ERR_CORRUPT);
    state.state = 9;
    state.close_ns = 5;
    check_err(batch_state_row_decode(&arena, encoded(&arena, &state), &out), ERR_CORRUPT);
    check_err(batch_state_row_decode(&arena, SLICE_LIT("\x80"), &out), ERR_CORRUPT);
    const struct slice whole = encoded(&arena, &running);
    for (size_t len = 0; len < whole.len; len++)
        check_err(batch_state_row_decode(&arena, slice_of(whole.ptr, len), &out), ERR_CORRUPT);
    arena_release(&arena);
}

TEST(a_request_comes_back)
{
    const struct rpc_batch_start start = {.namespace_id = SLICE_LIT(NAMESPACE),
                                          .namespace_name = SLICE_LIT("default"),
                                          .retention_s = 5,
                                          .job_id = SLICE_LIT("job"),
                                          .start_id = SLICE_LIT(START_ID),
                                          .run_id = SLICE_LIT(START_ID),
                                          .request = SLICE_LIT("asked"),
                                          .query = SLICE_LIT("filter")};
    struct rpc_batch_start out, other = start;
    struct arena arena;
    struct buf buf;

    arena_init(&arena);
    buf_init(&buf, 0);
    batch_start_row(&start, &buf);
    check_ok(batch_start_row_decode(&arena, buf_slice(&buf), &out));
    check_slice(out.namespace_id, start.namespace_id);
    check_slice(out.namespace_name, start.namespace_name);
    check_i64(out.retention_s, 5);
    check_slice(out.job_id, start.job_id);
    check_slice(out.start_id, start.start_id);
    check_slice(out.run_id, start.run_id);
    check_slice(out.request, start.request);
    check_slice(out.query, start.query);
    buf_clear(&buf);
    other.job_id = SLICE_EMPTY;
    rpc_batch_start_encode(&other, &buf);
    check_err(rpc_batch_start_decode(&arena, buf_slice(&buf), &out), ERR_CORRUPT);
    buf_release(&buf);
    arena_release(&arena);
}

TEST(keys_keep_jobs_and_rows_apart)
{
    const uint8_t ns[16] = {7};
    uint8_t state[BATCH_KEY_MAX], request[BATCH_KEY_MAX];

    check_i64(batch_row_key(state, 9, BATCH_ROW_STATE, ns, SLICE_LIT("job")), 22);
    check_i64(batch_row_key(request, 9, BATCH_ROW_REQUEST, ns, SLICE_LIT("job")), 22);
    check(state[0] == 9 && state[1] == 'J' && state[2] == 's' && request[2] == 'r');
    check(memcmp(state + 3, request + 3, 19) == 0);
}

TEST(the_rows_of_a_job_go_when_its_retention_passes)
{
    struct batch_state state = running;

    check_i64(batch_due_ns(&state), INT64_MAX);
    state.close_ns = 100;
    check_i64(batch_due_ns(&state), 100 + 86400 * NS_PER_S);
    state.retention_s = INT64_MAX;
    check_i64(batch_due_ns(&state), INT64_MAX);
}

TEST(what_runs_is_listed_first_and_then_the_latest)
{
    struct batch_state states[] = {running, running, running, running};
    uint8_t last[BATCH_CURSOR_BYTES] = {0}, next[BATCH_CURSOR_BYTES];

    states[1].start_ns -= 1;
    states[2].close_ns = 200;
    states[3].close_ns = 100;
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        batch_order_key(&states[i], SLICE_LIT("job"), next);
        check(memcmp(last, next, sizeof last) < 0);
        check(rpc_batch_is_open(slice_of(next, sizeof next)) == (i < 2));
        memcpy(last, next, sizeof last);
    }
}

TEST(a_description_says_what_was_asked_and_done)
{
    api_start_batch_operation_request request = API_START_BATCH_OPERATION_REQUEST_INIT;
    api_batch_operation_signal signal = API_BATCH_OPERATION_SIGNAL_INIT;
    api_common_workflow_execution execution = API_COMMON_WORKFLOW_EXECUTION_INIT;
    api_common_workflow_execution *executions[] = {&execution};
    api_describe_batch_operation_response *out;
    struct batch_state state = running;
    struct arena arena;
    char job[] = "job", why[] = "why", me[] = "me", wf[] = "wf";

    arena_init(&arena);
    request.job_id = job;
    request.reason = why;
    request.operation_case =
        TEMPORAL__API__WORKFLOWSERVICE__V1__START_BATCH_OPERATION_REQUEST__OPERATION_SIGNAL_OPERATION;
    request.signal_operation = &signal;
    signal.identity = me;
    execution.workflow_id = wf;
    request.executions = executions;
    request.n_executions = 1;
    check_ok(proto_decode(&arena, &api_describe_batch_operation_response__desc,
                          batch_description(&arena, &state, &request), &out, NULL));
    check_str(out->job_id, "job");
    check_str(out->reason, "why");
    check_str(out->identity, "me");
    check_i64(out->total_operation_count, 7);
    check_i64(out->complete_operation_count, 3);
    check_i64(out->failure_operation_count, 1);
    check(out->close_time == NULL && out->start_time->nanos == 5);
    check_i64(out->n_executions, 1);
    check_str(out->executions[0]->business_id, "wf");
    check_i64(out->executions[0]->type, EXECUTION_TYPE_WORKFLOW);
    state.state = BATCH_OPERATION_STATE_COMPLETED;
    state.close_ns = state.start_ns + 1;
    check_ok(proto_decode(&arena, &api_describe_batch_operation_response__desc,
                          batch_description(&arena, &state, &request), &out, NULL));
    check_i64(out->total_operation_count, 4);
    check(out->close_time != NULL);
    arena_release(&arena);
}

TEST(a_row_is_whole_only_where_it_belongs)
{
    const struct rpc_batch_start start = {.namespace_id = SLICE_LIT(NAMESPACE),
                                          .job_id = SLICE_LIT("job"),
                                          .start_id = SLICE_LIT(START_ID),
                                          .run_id = SLICE_LIT(START_ID)};
    uint8_t namespace_id[16], key[BATCH_KEY_MAX];
    struct arena arena;
    struct buf buf;

    arena_init(&arena);
    buf_init(&buf, 0);
    check(uuid_parse(start.namespace_id, namespace_id));
    const uint8_t tablet = hash_tablet(start.namespace_id, start.job_id);
    const struct slice state = encoded(&arena, &running);
    batch_start_row(&start, &buf);
    size_t len = batch_row_key(key, tablet, BATCH_ROW_REQUEST, namespace_id, start.job_id);
    check(batch_row_is_whole(slice_of(key, len), buf_slice(&buf)));
    check(!batch_row_is_whole(slice_of(key, len), state));
    check(!batch_row_is_whole(slice_of(key, len - 1), buf_slice(&buf)));
    key[0] ^= 1;
    check(!batch_row_is_whole(slice_of(key, len), buf_slice(&buf)));
    len = batch_row_key(key, tablet, BATCH_ROW_STATE, namespace_id, start.job_id);
    check(batch_row_is_whole(slice_of(key, len), state));
    check(!batch_row_is_whole(slice_of(key, len), buf_slice(&buf)));
    check(!batch_row_is_whole(slice_of(key, 19), state));
    check(!batch_row_is_whole(SLICE_EMPTY, state));
    buf_release(&buf);
    arena_release(&arena);
}
