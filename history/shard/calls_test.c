/* calls_test.c - completion callbacks of closed runs: posted once durable, tried again, recorded,
 * and posted again after a crash at any point. */
#include "history/shard/shard_fixture.h"

#include "history/shard/shard_int.h"

#include <stdio.h>

enum { POSTS_MAX = 8192, MANY = 3000 };

struct posted {
    uint64_t id;
    http_done_fn done; /* NULL: answered, or canceled */
    void *arg;
};

/* Plays the receivers. */
struct receiver {
    struct history_caller caller;
    struct world *world;
    struct posted posts[POSTS_MAX];
    uint32_t count, open, open_max;
    uint32_t dead; /* posts to a host that never answers */
    bool recording;
    bool full; /* nothing is taken */
};

static enum err on_post(void *self, const struct http_request *request, uint64_t *id)
{
    struct receiver *r = self;

    if (r->full)
        return ERR_BUSY;
    must(r->count < POSTS_MAX);
    check(strncmp(request->url, "http://", 7) == 0 && request->timeout_ms == 10000);
    if (strncmp(request->url, "http://dead/", 12) == 0)
        r->dead++;
    /* Nothing leaves before it is durable (another's answer may be on its way to be). */
    if (!r->recording)
        check_i64(r->world->shard->durable, store_staged_seq(r->world->shard->store));
    *id = r->count + 1;
    r->posts[r->count++] = (struct posted){*id, request->done, request->arg};
    if (++r->open > r->open_max)
        r->open_max = r->open;
    return ERR_OK;
}

static void on_post_cancel(void *self, uint64_t id)
{
    struct receiver *r = self;

    must(id >= 1 && id <= r->count);
    if (r->posts[id - 1].done)
        r->open--;
    r->posts[id - 1].done = NULL;
}

static void answer(struct receiver *r, uint32_t nth, int status)
{
    const struct http_answer answer = {
        .status = status, .text = "", .reason = "", .content_type = "", .retryable = ""};
    struct posted *post = &r->posts[nth];
    const http_done_fn done = post->done;

    must(nth < r->count && done != NULL);
    post->done = NULL;
    r->open--;
    done(post->arg, &answer);
}

static void begin(struct world *w, struct receiver *r)
{
    static int worlds;
    char dir[32];

    memset(r, 0, sizeof *r);
    r->caller = (struct history_caller){on_post, on_post_cancel, r};
    r->world = w;
    snprintf(dir, sizeof dir, "calls-test-%d", ++worlds); /* each has a store of its own */
    world_init(w, dir);
    w->caller = &r->caller;
    world_reopen(w, false);
}

static void start_with_callback(struct world *w, const char *workflow_id)
{
    api_start_workflow_execution_request *request =
        world_start_request(w, workflow_id, workflow_id);
    api_callback *callback = ARENA_NEW(&w->arena, api_callback);
    api_callback_nexus *nexus = ARENA_NEW(&w->arena, api_callback_nexus);

    *callback = (api_callback)API_CALLBACK_INIT;
    *nexus = (api_callback_nexus)API_CALLBACK_NEXUS_INIT;
    nexus->url = arena_printf(&w->arena, "http://%s/%s", workflow_id[0] == 'd' ? "dead" : "host",
                              workflow_id);
    callback->variant_case = TEMPORAL__API__COMMON__V1__CALLBACK__VARIANT_NEXUS;
    callback->nexus = nexus;
    request->n_completion_callbacks = 1;
    request->completion_callbacks = ARENA_ARRAY(&w->arena, api_callback *, 1);
    request->completion_callbacks[0] = callback;
    const uint64_t call = world_api(w, METHOD_HISTORY_START_WORKFLOW, request, SLICE_EMPTY);
    check_err(world_got(w, call)->err, ERR_OK);
    w->sent_count = 0;
}

static void terminate(struct world *w, const char *workflow_id)
{
    api_terminate_workflow_execution_request request =
        API_TERMINATE_WORKFLOW_EXECUTION_REQUEST_INIT;

    request.workflow_execution = world_execution(w, workflow_id);
    const uint64_t call = world_api(w, METHOD_HISTORY_TERMINATE, &request, SLICE_EMPTY);
    check_err(world_got(w, call)->err, ERR_OK);
    w->sent_count = 0;
}

static const api_workflow_callback_info *describe(struct world *w, const char *workflow_id)
{
    api_describe_workflow_execution_request request = API_DESCRIBE_WORKFLOW_EXECUTION_REQUEST_INIT;

    request.execution = world_execution(w, workflow_id);
    const uint64_t call = world_api(w, METHOD_HISTORY_DESCRIBE, &request, SLICE_EMPTY);
    const api_describe_workflow_execution_response *d =
        world_answer(w, call, &api_describe_workflow_execution_response__desc);
    must(d->n_callbacks == 1);
    w->sent_count = 0;
    return d->callbacks[0];
}

static bool count_row(void *arg, struct slice key, struct slice value)
{
    uint32_t *count = arg;

    UNUSED(value);
    *count += key.ptr[1] == 'H';
    return true;
}

static enum err count_rows(struct store_snapshot *snapshot, void *arg)
{
    return store_scan(snapshot, STORE_MAIN, SLICE_LIT("\0"), SLICE_EMPTY, false, count_row, arg);
}

static uint32_t rows_of(struct world *w)
{
    uint32_t count = 0;

    check_ok(store_read_now(w->shard->store, count_rows, &count));
    return count;
}

TEST(test_calls_are_posted_and_recorded)
{
    static struct receiver r;
    struct world w;

    begin(&w, &r);
    start_with_callback(&w, "a");
    check_i64(r.count, 0);
    terminate(&w, "a");
    world_settle(&w);
    check_i64(r.count, 1);
    check_i64(describe(&w, "a")->state, CALLBACK_STATE_SCHEDULED);
    check_i64(rows_of(&w), 1);
    answer(&r, 0, 200);
    world_settle(&w);
    const api_workflow_callback_info *info = describe(&w, "a");
    check_i64(info->state, CALLBACK_STATE_SUCCEEDED);
    check_i64(info->attempt, 1);
    check_i64(rows_of(&w), 0);
    world_pass(&w, 3600 * NS_PER_S);
    check_i64(r.count, 1);
    world_release(&w);
}

TEST(test_calls_are_tried_again_ever_more_slowly)
{
    static struct receiver r;
    struct world w;
    int64_t waited_ns = 0;

    begin(&w, &r);
    start_with_callback(&w, "a");
    terminate(&w, "a");
    world_settle(&w);
    for (uint32_t i = 0; i < 20; i++) {
        check_i64(r.count, i + 1);
        answer(&r, i, 503);
        world_settle(&w);
        check_i64(describe(&w, "a")->state, CALLBACK_STATE_BACKING_OFF);
        check_i64(rows_of(&w), 0);
        const int64_t from_ns = w.clock.now_ns;
        while (r.count == i + 1 && w.clock.now_ns < from_ns + 3601 * NS_PER_S)
            world_pass(&w, NS_PER_S / 4);
        check(w.clock.now_ns - from_ns + NS_PER_S / 4 >=
              waited_ns * 8 / 10); /* a fifth is chance */
        waited_ns = w.clock.now_ns - from_ns;
    }
    check(waited_ns >= 2880 * NS_PER_S && waited_ns <= 3601 * NS_PER_S);
    answer(&r, 20, 404);
    world_settle(&w);
    const api_workflow_callback_info *info = describe(&w, "a");
    check_i64(info->state, CALLBACK_STATE_FAILED);
    check_i64(info->attempt, 21);
    check_str(info->last_attempt_failure->message, "handler error (NOT_FOUND)");
    world_release(&w);
}

/* The shard is lost and taken over with a call in each state. */
TEST(test_calls_survive_their_owner)
{
    for (int flush = 0; flush < 2; flush++) {
        static struct receiver r;
        struct world w;

        begin(&w, &r);
        start_with_callback(&w, "a");
        world_reopen(&w, flush); /* standing by */
        terminate(&w, "a");
        world_reopen(&w, flush); /* scheduled, or posted already */
        check(r.count >= 1 && r.open == 1);
        world_reopen(&w, flush); /* under way */
        check_i64(r.open, 1);
        answer(&r, r.count - 1, 500);
        world_settle(&w);
        check_i64(describe(&w, "a")->attempt, 1);
        world_reopen(&w, flush); /* backing off */
        check_i64(r.open, 0);
        world_pass(&w, 3 * NS_PER_S);
        check_i64(r.open, 1);
        answer(&r, r.count - 1, 200);
        world_settle(&w);
        const uint32_t posted = r.count;
        world_reopen(&w, flush); /* told */
        world_pass(&w, 60 * NS_PER_S);
        check_i64(r.count, posted);
        check_i64(describe(&w, "a")->state, CALLBACK_STATE_SUCCEEDED);
        check_i64(rows_of(&w), 0);
        world_release(&w);
    }
}

TEST(test_calls_beyond_the_window_wait_in_their_rows)
{
    static struct receiver r;
    struct world w;

    begin(&w, &r);
    r.full = true; /* nobody takes anything while they pile up */
    for (int i = 0; i < MANY; i++) {
        char id[16];

        snprintf(id, sizeof id, "w%d", i);
        start_with_callback(&w, id);
        terminate(&w, id);
    }
    check_i64(rows_of(&w), MANY);
    check(w.shard->calls.by_seq.count <= 1024);
    world_reopen(&w, true);
    r.full = false;
    world_pass(&w, 2 * NS_PER_S);
    for (uint32_t next = 0; next < r.count; next++) {
        if (r.posts[next].done)
            answer(&r, next, 200);
        if (next + 1 == r.count) {
            world_settle(&w);
            world_pass(&w, 2 * NS_PER_S);
        }
    }
    check_i64(r.count, MANY);
    check(r.open_max <= 16);
    check_i64(rows_of(&w), 0);
    world_release(&w);
}

TEST(test_calls_of_a_deleted_run_end)
{
    static struct receiver r;
    struct world w;
    api_delete_workflow_execution_request request = API_DELETE_WORKFLOW_EXECUTION_REQUEST_INIT;

    begin(&w, &r);
    start_with_callback(&w, "a");
    terminate(&w, "a");
    world_settle(&w);
    request.workflow_execution = world_execution(&w, "a");
    const uint64_t call = world_api(&w, METHOD_HISTORY_DELETE_WORKFLOW, &request, SLICE_EMPTY);
    check_err(world_got(&w, call)->err, ERR_OK);
    answer(&r, 0, 500);
    world_pass(&w, 10 * NS_PER_S);
    check_i64(rows_of(&w), 0);
    check_i64(r.count, 1);
    world_release(&w);
}

/* Nothing answers: those that wait for their turn, those under way, those of an open breaker. */
TEST(test_rows_of_calls_go_with_their_runs)
{
    enum { RUNS = 40 };
    static struct receiver r;
    struct world w;

    begin(&w, &r);
    for (int i = 0; i < RUNS; i++) {
        char id[16];

        snprintf(id, sizeof id, "d%d", i);
        start_with_callback(&w, id);
        terminate(&w, id);
    }
    check_i64(rows_of(&w), RUNS);
    check_i64(r.open, 16);
    for (int i = 0; i < RUNS; i++) {
        api_delete_workflow_execution_request request = API_DELETE_WORKFLOW_EXECUTION_REQUEST_INIT;
        char id[16];

        snprintf(id, sizeof id, "d%d", i);
        request.workflow_execution = world_execution(&w, id);
        const uint64_t call = world_api(&w, METHOD_HISTORY_DELETE_WORKFLOW, &request, SLICE_EMPTY);
        check_err(world_got(&w, call)->err, ERR_OK);
        check_i64(rows_of(&w), RUNS - 1 - i);
        w.sent_count = 0;
    }
    r.recording = true;
    for (uint32_t i = 0; i < 16; i++)
        answer(&r, i, 503);
    world_pass(&w, 3600 * NS_PER_S);
    check_i64(rows_of(&w), 0);
    check_i64(r.count, 16);
    world_release(&w);
}

TEST(test_calls_to_a_host_that_hangs_leave_room_for_others)
{
    static struct receiver r;
    struct world w;

    begin(&w, &r);
    for (int i = 0; i < 200; i++) {
        char id[16];

        snprintf(id, sizeof id, "d%d", i);
        start_with_callback(&w, id);
        terminate(&w, id);
    }
    check_i64(r.count, 16);
    check_i64(r.dead, 16);
    start_with_callback(&w, "a");
    terminate(&w, "a");
    check_i64(r.count, 17);
    check_i64(r.dead, 16);
    r.recording = true;
    answer(&r, 16, 200);
    answer(&r, 0, 500);
    world_settle(&w);
    check_i64(describe(&w, "a")->state, CALLBACK_STATE_SUCCEEDED);
    check_i64(r.dead, 17);
    world_release(&w);
}

/* Six failures in a row: the destination is left alone, the others are not, whatever waits. */
TEST(test_calls_to_a_host_that_is_down_wait_for_its_breaker)
{
    static struct receiver r;
    struct world w;

    begin(&w, &r);
    r.full = true;
    for (int i = 0; i < 1500; i++) {
        char id[16];

        snprintf(id, sizeof id, "d%d", i);
        start_with_callback(&w, id);
        terminate(&w, id);
    }
    r.full = false;
    world_pass(&w, 2 * NS_PER_S);
    check_i64(r.dead, 16);
    r.recording = true;
    for (uint32_t i = 0; i < 6; i++)
        answer(&r, i, 503);
    world_settle(&w);
    const uint32_t dead = r.dead;
    for (uint32_t i = 6; i < dead; i++) /* what was under way says nothing more */
        answer(&r, i, 503);
    world_pass(&w, 30 * NS_PER_S);
    check_i64(r.dead, dead);
    check_i64(r.open, 0);
    const api_workflow_callback_info *info = describe(&w, "d1400");
    check_i64(info->state, CALLBACK_STATE_BLOCKED);
    check_str(info->blocked_reason, "The circuit breaker is open.");
    start_with_callback(&w, "a");
    terminate(&w, "a");
    world_settle(&w);
    check_i64(r.count, dead + 1);
    answer(&r, dead, 200);
    world_settle(&w);
    check_i64(describe(&w, "a")->state, CALLBACK_STATE_SUCCEEDED);

    world_pass(&w, 35 * NS_PER_S); /* one is let through */
    check_i64(r.dead, dead + 1);
    check_i64(describe(&w, "d1400")->state, CALLBACK_STATE_BLOCKED);
    answer(&r, r.count - 1, 500);
    world_pass(&w, 30 * NS_PER_S);
    check_i64(r.dead, dead + 1);
    world_pass(&w, 35 * NS_PER_S);
    check_i64(r.dead, dead + 2);
    answer(&r, r.count - 1, 200); /* it is back: all the rest follow */
    world_pass(&w, 5 * NS_PER_S);
    for (uint32_t next = dead + 3; next < r.count; next++) {
        if (r.posts[next].done)
            answer(&r, next, 200);
        if (next + 1 == r.count) {
            world_settle(&w);
            world_pass(&w, 2 * NS_PER_S);
        }
    }
    check_i64(rows_of(&w), 0);
    check_i64(r.dead, 1500 + dead + 1);
    world_release(&w);
}
