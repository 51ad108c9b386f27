/* batches_test.c - batch jobs of one shard that asks itself: real runs, calls that go round by
 * hand, so that a test can end the process between any two of them. */
#include "common/rpc/batch.h"
#include "common/visibility/query.h"
#include "history/shard/shard_fixture.h"
#include "history/shard/shard_int.h"

#include "common/store/memory/store_memory.h"

#include <stdio.h>
#include <stdlib.h>

#define DIR_NAME "history-batches-test"
#define START_ID "0190c1f2-0000-7000-8000-0000000000bb"
#define OTHER_ID "0190c1f2-0000-7000-8000-0000000000cc"
#define OPERATION(name)                                                                            \
    TEMPORAL__API__WORKFLOWSERVICE__V1__START_BATCH_OPERATION_REQUEST__OPERATION_##name

enum { CALLS_MAX = 256, OWN_PROCESS = 77 };

struct round {
    struct world world; /* first: it is the net's self */
    struct {
        uint64_t id;
        enum mesh_method method;
        struct slice body;
        mesh_reply_fn reply;
        void *arg;
        bool sent, answered;
        enum err err;
        struct slice answer;
    } calls[CALLS_MAX];
    size_t count;
    enum mesh_method counted; /* how often this was asked for */
    uint32_t times;
    enum err list_refused; /* instead of a list's answer */
};

static uint64_t round_call(void *self, struct mesh_target to, enum mesh_method method,
                           struct slice body, int64_t timeout_ms, mesh_reply_fn reply, void *arg)
{
    struct round *r = self;

    must(to.role == ROLE_HISTORY && to.shard == 0 && timeout_ms > 0 && r->count < CALLS_MAX);
    r->calls[r->count].id = ++r->world.calls;
    r->calls[r->count].method = method;
    r->calls[r->count].body = arena_copy(&r->world.arena, body);
    r->calls[r->count].reply = reply;
    r->calls[r->count].arg = arg;
    r->calls[r->count].sent = r->calls[r->count].answered = false;
    r->count++;
    r->times += method == r->counted;
    return r->world.calls;
}

static void drop_call(struct round *r, size_t at)
{
    r->count--;
    memmove(&r->calls[at], &r->calls[at + 1], (r->count - at) * sizeof r->calls[0]);
}

static void round_cancel(void *self, uint64_t call)
{
    struct round *r = self;

    for (size_t i = 0; i < r->count; i++)
        if (r->calls[i].id == call) {
            drop_call(r, i);
            return;
        }
}

static void round_reply(void *self, struct mesh_addr to, const struct mesh_answer *answer)
{
    struct round *r = self;
    struct buf joined;

    if (to.process != OWN_PROCESS) {
        world_on_reply(self, to, answer);
        return;
    }
    buf_init(&joined, 0);
    for (size_t i = 0; i < answer->count; i++)
        buf_append_slice(&joined, answer->parts[i]);
    for (size_t i = 0; i < r->count; i++)
        if (r->calls[i].id == to.call) {
            r->calls[i].answered = true;
            r->calls[i].err = answer->err;
            r->calls[i].answer = arena_copy(&r->world.arena, buf_slice(&joined));
            if (r->list_refused && r->calls[i].method == METHOD_HISTORY_LIST_WORKFLOWS)
                r->calls[i].err = r->list_refused;
        }
    buf_release(&joined);
}

static struct round *round_new(void)
{
    struct round *r = calloc(1, sizeof *r);

    must(r != NULL);
    store_memory_wipe(DIR_NAME);
    world_init(&r->world, DIR_NAME);
    r->world.net.call = round_call;
    r->world.net.cancel = round_cancel;
    r->world.net.reply = round_reply;
    return r;
}

static void round_free(struct round *r)
{
    world_release(&r->world);
    check_i64(r->count, 0);
    free(r);
}

/* One call goes to the shard, or one answer comes back. false: there is none. */
static bool step(struct round *r)
{
    world_settle(&r->world);
    r->world.sent_count = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (r->calls[i].answered) {
            const mesh_reply_fn reply = r->calls[i].reply;
            void *arg = r->calls[i].arg;
            const enum err err = r->calls[i].err;
            const struct slice answer = r->calls[i].answer;

            drop_call(r, i);
            reply(arg, err, NULL, err == ERR_OK ? answer : SLICE_EMPTY);
            return true;
        }
        if (!r->calls[i].sent) {
            const struct mesh_request request = {
                .method = r->calls[i].method,
                .from = {.process = OWN_PROCESS, .call = r->calls[i].id},
                .deadline_mono_ns = r->world.clock.now_ns + 10 * NS_PER_S,
                .body = r->calls[i].body,
            };

            r->calls[i].sent = true;
            history_shard_request(r->world.shard, &request);
            return true;
        }
    }
    return false;
}

/* -- requests -------------------------------------------------------------------------------- */

static const struct sent *ask(struct round *r, enum mesh_method method, struct slice body)
{
    const uint64_t call = world_call(&r->world, method, body, 10 * NS_PER_S);

    world_settle(&r->world);
    return world_got(&r->world, call);
}

static api_describe_batch_operation_response *describe(struct round *r, const char *job,
                                                       enum err want)
{
    api_describe_batch_operation_request request = API_DESCRIBE_BATCH_OPERATION_REQUEST_INIT;
    api_describe_batch_operation_response *out = NULL;

    request.job_id = world_str(&r->world, job);
    const struct sent *reply =
        ask(r, METHOD_HISTORY_DESCRIBE_BATCH, world_api_body(&r->world, &request, SLICE_EMPTY));
    check_err(reply->err, want);
    if (reply->err == ERR_OK)
        check_ok(proto_decode(&r->world.arena, &api_describe_batch_operation_response__desc,
                              reply->bytes, &out, NULL));
    return out;
}

static enum err stop(struct round *r, const char *job)
{
    api_stop_batch_operation_request request = API_STOP_BATCH_OPERATION_REQUEST_INIT;

    request.job_id = world_str(&r->world, job);
    return ask(r, METHOD_HISTORY_STOP_BATCH, world_api_body(&r->world, &request, SLICE_EMPTY))->err;
}

/* A job that signals what runs, or (`listed` > 0) the first so many runs. */
static enum err start(struct round *r, const char *job, const char *start_id, uint32_t listed)
{
    static struct vis_value running = {.number = WORKFLOW_EXECUTION_STATUS_RUNNING};
    static struct vis_node where = {
        .kind = VIS_COMPARE, .type = VIS_INT, .op = VIS_EQ, .values = &running, .value_count = 1};
    api_start_batch_operation_request request = API_START_BATCH_OPERATION_REQUEST_INIT;
    api_batch_operation_signal signal = API_BATCH_OPERATION_SIGNAL_INIT;
    struct arena *arena = &r->world.arena;
    struct vis_query query = {.where = &where};
    struct buf filter, body;

    where.name = SLICE_LIT("ExecutionStatus");
    request.namespace_ = world_str(&r->world, "default");
    request.job_id = world_str(&r->world, job);
    request.reason = world_str(&r->world, "why");
    request.operation_case = OPERATION(SIGNAL_OPERATION);
    request.signal_operation = &signal;
    signal.signal = world_str(&r->world, "hello");
    request.executions = ARENA_ARRAY(arena, api_common_workflow_execution *, listed + 1);
    for (uint32_t i = 0; i < listed; i++)
        request.executions[request.n_executions++] =
            world_execution(&r->world, arena_printf(arena, "wf-%u", i));
    buf_init(&filter, 0);
    if (listed == 0)
        vis_query_encode(&query, &filter);
    const struct rpc_batch_start of = {.namespace_id = SLICE_LIT(WORLD_NAMESPACE),
                                       .namespace_name = SLICE_LIT("default"),
                                       .retention_s = 86400,
                                       .job_id = slice_str(job),
                                       .start_id = slice_str(start_id),
                                       .run_id = SLICE_LIT(START_ID),
                                       .request = proto_encode(arena, &request),
                                       .query = buf_slice(&filter)};
    buf_init(&body, 0);
    rpc_batch_start_encode(&of, &body);
    const enum err err = ask(r, METHOD_HISTORY_START_BATCH, buf_slice(&body))->err;
    buf_release(&filter);
    buf_release(&body);
    return err;
}

static uint32_t listed_jobs(struct round *r, uint32_t page_size, uint32_t *pages)
{
    struct rpc_list list = {.namespace_id = SLICE_LIT(WORLD_NAMESPACE), .page_size = page_size};
    bool more = true;
    uint32_t seen = 0;

    for (*pages = 0; more && *pages < 10; ++*pages) {
        struct rpc_list_item *items;
        uint32_t count;
        struct buf body;

        buf_init(&body, 0);
        rpc_list_encode(&list, &body);
        const struct sent *reply = ask(r, METHOD_HISTORY_LIST_BATCHES, buf_slice(&body));
        buf_release(&body);
        check_ok(reply->err);
        check_ok(rpc_list_items_decode(&r->world.arena, reply->bytes, &items, &count, &more));
        seen += count;
        if (count > 0)
            list.after = items[count - 1].order_key;
    }
    return seen;
}

static void start_runs(struct round *r, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        (void)world_start(&r->world, arena_printf(&r->world.arena, "wf-%u", i));
        r->world.clock.now_ns += NS_PER_MS; /* start times differ */
        r->world.sent_count = 0;
    }
}

/* How many signals the runs have. */
static uint32_t signals_of(struct round *r, uint32_t count, bool once)
{
    uint32_t signals = 0;

    for (uint32_t i = 0; i < count; i++) {
        api_describe_workflow_execution_request request =
            API_DESCRIBE_WORKFLOW_EXECUTION_REQUEST_INIT;
        const api_describe_workflow_execution_response *response;

        request.execution = world_execution(&r->world, arena_printf(&r->world.arena, "wf-%u", i));
        const uint64_t call = world_api(&r->world, METHOD_HISTORY_DESCRIBE, &request, SLICE_EMPTY);
        response = world_answer(&r->world, call, &api_describe_workflow_execution_response__desc);
        r->world.sent_count = 0;
        /* Started, Scheduled, and then the signal. */
        const int64_t events = response->workflow_execution_info->history_length;
        check(!once || events == 3);
        signals += (uint32_t)(events - 2);
    }
    return signals;
}

/* Go on, with the clock, until the job has ended. */
static api_describe_batch_operation_response *finish(struct round *r, const char *job)
{
    for (uint32_t i = 0; i < 100000; i++) {
        if (step(r))
            continue;
        api_describe_batch_operation_response *out = describe(r, job, ERR_OK);
        if (out->state != BATCH_OPERATION_STATE_RUNNING)
            return out;
        r->world.clock.now_ns += 20 * NS_PER_MS;
    }
    check(!"the job never ends");
    return NULL;
}

/* -- tests ----------------------------------------------------------------------------------- */

TEST(a_job_goes_over_all_pages)
{
    struct round *r = round_new();
    const uint32_t runs = 300; /* a page and a part of one */

    start_runs(r, runs);
    check_ok(start(r, "job", START_ID, 0));
    api_describe_batch_operation_response *out = describe(r, "job", ERR_OK);
    check_i64(out->state, BATCH_OPERATION_STATE_RUNNING);
    check(out->close_time == NULL);
    r->counted = METHOD_HISTORY_SIGNAL_WORKFLOW;
    out = finish(r, "job");
    check_i64(out->state, BATCH_OPERATION_STATE_COMPLETED);
    check_i64(out->total_operation_count, runs);
    check_i64(out->complete_operation_count, runs);
    check_i64(out->failure_operation_count, 0);
    check(out->close_time != NULL);
    check_i64(r->times, runs);
    check_i64(signals_of(r, runs, true), runs);
    round_free(r);
}

TEST(a_job_goes_on_where_it_was_when_its_process_dies)
{
    static const uint32_t crashes[] = {1, 40, 300, 507, 560};
    const uint32_t runs = 300;

    for (size_t i = 0; i < COUNT_OF(crashes); i++) {
        struct round *r = round_new();

        start_runs(r, runs);
        check_ok(start(r, "job", START_ID, 0));
        r->counted = METHOD_HISTORY_SIGNAL_WORKFLOW;
        for (uint32_t steps = 0; steps < crashes[i];) {
            steps += step(r);
            r->world.clock.now_ns += 20 * NS_PER_MS;
        }
        history_shard_close(r->world.shard, i % 2 == 0);
        check_i64(r->count, 0); /* every call was given up */
        world_open(&r->world);
        api_describe_batch_operation_response *out = finish(r, "job");
        check_i64(out->state, BATCH_OPERATION_STATE_COMPLETED);
        check_i64(out->complete_operation_count, runs);
        check_i64(out->failure_operation_count, 0);
        check(r->times >= runs && r->times < runs + 250);
        check_i64(signals_of(r, runs, true), runs);
        round_free(r);
    }
}

TEST(a_list_of_executions_and_what_is_not_there)
{
    struct round *r = round_new();

    start_runs(r, 3);
    check_ok(start(r, "job", START_ID, 260)); /* two pages, most of them unknown */
    const api_describe_batch_operation_response *out = finish(r, "job");
    check_i64(out->complete_operation_count, 260);
    check_i64(out->total_operation_count, 260);
    check_i64(out->n_executions, 260);
    check_i64(signals_of(r, 3, true), 3);
    round_free(r);
}

TEST(the_rate_holds_a_job_back)
{
    struct round *r = round_new();

    start_runs(r, 120);
    check_ok(start(r, "job", START_ID, 0));
    r->counted = METHOD_HISTORY_SIGNAL_WORKFLOW;
    while (step(r)) {
    }
    check_i64(r->times, 50); /* a second's worth */
    const int64_t before_ns = r->world.clock.now_ns;
    (void)finish(r, "job");
    const int64_t took_ns = r->world.clock.now_ns - before_ns;
    check(took_ns >= 1400 * NS_PER_MS && took_ns < 1700 * NS_PER_MS);
    round_free(r);
}

TEST(a_start_is_recognised_and_another_refused)
{
    struct round *r = round_new();

    start_runs(r, 1);
    check_ok(start(r, "job", START_ID, 0));
    check_ok(start(r, "job", START_ID, 0));
    check_err(start(r, "job", OTHER_ID, 0), ERR_EXISTS);
    (void)finish(r, "job");
    world_reopen(&r->world, false);
    check_ok(start(r, "job", START_ID, 0));
    check_err(start(r, "job", OTHER_ID, 0), ERR_EXISTS);
    check_i64(signals_of(r, 1, true), 1);
    round_free(r);
}

TEST(a_job_that_is_stopped_has_failed_for_good)
{
    struct round *r = round_new();

    start_runs(r, 10);
    check_err(stop(r, "job"), ERR_NOT_FOUND);
    check_ok(start(r, "job", START_ID, 0));
    for (int i = 0; i < 20; i++)
        (void)step(r);
    check_ok(stop(r, "job"));
    check_i64(r->count, 0);
    check_err(stop(r, "job"), ERR_NOT_FOUND);
    check_i64(describe(r, "job", ERR_OK)->state, BATCH_OPERATION_STATE_FAILED);
    world_reopen(&r->world, false);
    const api_describe_batch_operation_response *out = describe(r, "job", ERR_OK);
    check_i64(out->state, BATCH_OPERATION_STATE_FAILED);
    check(out->complete_operation_count > 0 && out->complete_operation_count < 10);
    check(!step(r));
    check_err(stop(r, "job"), ERR_NOT_FOUND);
    round_free(r);
}

TEST(a_filter_that_is_refused_fails_its_job)
{
    struct round *r = round_new();

    start_runs(r, 1);
    r->list_refused = ERR_UNAVAILABLE; /* for a while: asked again */
    check_ok(start(r, "job", START_ID, 0));
    for (int i = 0; i < 50; i++) {
        (void)step(r);
        r->world.clock.now_ns += 100 * NS_PER_MS;
    }
    check_i64(describe(r, "job", ERR_OK)->state, BATCH_OPERATION_STATE_RUNNING);
    r->list_refused = ERR_INVALID;
    check_i64(finish(r, "job")->state, BATCH_OPERATION_STATE_FAILED);
    round_free(r);
}

TEST(jobs_are_listed_and_go_when_their_retention_passes)
{
    struct round *r = round_new();
    uint32_t pages;

    for (uint32_t i = 0; i < 5; i++) {
        char job[16];

        snprintf(job, sizeof job, "job-%u", i);
        check_ok(start(r, job, START_ID, 1));
        (void)finish(r, job);
        r->world.clock.now_ns += NS_PER_S;
    }
    check_i64(listed_jobs(r, 2, &pages), 5);
    check_i64(pages, 3);
    check_i64(listed_jobs(r, 0, &pages), 5);
    world_pass(&r->world, 86400 * NS_PER_S - 4 * NS_PER_S);
    check_i64(listed_jobs(r, 0, &pages), 4);
    (void)describe(r, "job-0", ERR_NOT_FOUND);
    (void)describe(r, "job-4", ERR_OK);
    world_reopen(&r->world, true);
    world_pass(&r->world, 10 * NS_PER_S);
    check_i64(listed_jobs(r, 0, &pages), 0);
    check_ok(start(r, "job-0", OTHER_ID, 1)); /* its id is free again */
    (void)finish(r, "job-0");
    round_free(r);
}

static enum err nobody(void *arg, struct slice id, int64_t *retention_s)
{
    UNUSED(arg);
    UNUSED(id);
    UNUSED(retention_s);
    return ERR_NOT_FOUND;
}

TEST(a_job_of_a_deleted_namespace_is_not_taken_up)
{
    const struct history_namespaces namespaces = {.retention_of = nobody};
    struct round *r = round_new();

    start_runs(r, 10);
    check_ok(start(r, "job", START_ID, 0));
    r->world.namespaces = &namespaces;
    world_reopen(&r->world, false);
    check_i64(r->world.shard->batches.count, 0);
    check(!step(r));
    r->world.namespaces = NULL;
    world_reopen(&r->world, false);
    check_i64(r->world.shard->batches.count, 1);
    (void)finish(r, "job");
    round_free(r);
}
