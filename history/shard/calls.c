/* calls.c - completion callbacks of closed runs and of updates are delivered: posted, and the
 * answer recorded.
 *
 * 1. A row (H) exists exactly while its callback is scheduled; it goes in the commit that records
 *    the answer. A crash before that, or a new owner, posts again: at least once.
 * 2. A window of CALLS_MAX rows is in memory, the oldest known; what is beyond is looked up when
 *    half of it is done. At open everything is looked up.
 * 3. Nothing is posted before the row is durable; at most CALLS_OF_BUCKET_MAX at a time go to the
 *    destinations of one bucket.
 * 4. A destination whose breaker is open (breakers.h) is left alone. Its calls wait in the window,
 *    or in their rows alone where the window has no room for others: these are looked up again when
 *    the breaker lets somebody through.
 * 5. A call is in one state: WAITING (in the list, until it is durable and its time has come),
 *    BUSY (a request of ours has it), POSTED (the caller has it). What its answer said stays with
 *    it until that is recorded: a full log makes it wait, not be posted again. */
#include "history/shard/shard_int.h"

#include "common/nexus/completion.h"
#include "common/proto/wire.h"
#include "history/engine/callback.h"

#include <stdlib.h>

enum {
    CALLS_MAX = 1024,
    CALLS_UNDER_WAY_MAX = 64,
    CALLS_OF_BUCKET_MAX = 16,
    FAILURE_MAX = 2048,
    BLOCKED_MAX = 64, /* destinations that a look passes over */
    CALL_KEY_LEN = 10
};
#define AGAIN_NS NS_PER_S /* after a full queue or log, or a read that failed */

enum call_state { CALL_WAITING = 1, CALL_BUSY, CALL_POSTED };

struct hs_call {
    struct map_node node; /* in shard->calls.by_seq, by row_seq */
    struct list waiting;
    struct history_shard *shard;
    enum call_state state;
    uint64_t row_seq;
    uint8_t tablet;
    char run_id[UUID_TEXT_LEN + 1];
    struct bytes id; /* of the callback */
    uint64_t destination;
    uint32_t bucket;                    /* of its destination */
    struct hs_breaker_settings breaker; /* POSTED: what ... */
    struct hs_breaker_pass pass;        /* ... its breaker hears of it */
    int64_t seq;                        /* of its row, or what is durable when that is seen */
    int64_t again_ns;                   /* monotonic: not before */
    uint64_t posted;                    /* POSTED: its number with the caller */
    bool answered, gone;                /* to be recorded: the answer; that there is no such run */
    enum callback_outcome outcome;
    char *url, *failure;
};

void hs_calls_init(struct history_shard *shard)
{
    map_init(&shard->calls.by_seq, rng_u64(&shard->rng));
    list_init(&shard->calls.waiting);
    shard->calls.look_ns = INT64_MAX;
    hs_breakers_init(&shard->calls.breakers, rng_u64(&shard->rng));
}

static struct hs_call *find(struct history_shard *shard, uint64_t row_seq)
{
    struct map_node *node = map_get_u64(&shard->calls.by_seq, row_seq);

    return node ? CONTAINER_OF(node, struct hs_call, node) : NULL;
}

static void end_turn(struct history_shard *shard, const struct hs_call *call)
{
    must(shard->calls.under_way > 0 && shard->calls.by_bucket[call->bucket] > 0);
    shard->calls.under_way--;
    shard->calls.by_bucket[call->bucket]--;
}

/* A destination that hangs does not keep the others from their turns. */
static bool has_turn(const struct history_shard *shard, const struct hs_call *call)
{
    return call->answered || call->gone ||
           (shard->calls.under_way < CALLS_UNDER_WAY_MAX &&
            shard->calls.by_bucket[call->bucket] < CALLS_OF_BUCKET_MAX);
}

static void call_free(struct history_shard *shard, struct hs_call *call)
{
    if (call->state == CALL_WAITING)
        list_remove(&call->waiting);
    else
        end_turn(shard, call);
    if (call->state == CALL_POSTED) {
        shard->options.caller->cancel(shard->options.caller->self, call->posted);
        (void)hs_breaker_leave(&shard->calls.breakers, &call->pass, &call->breaker, BREAKER_NOTHING,
                               hs_mono_ns(shard));
    }
    map_remove(&shard->calls.by_seq, &call->node);
    bytes_clear(&call->id);
    free(call->url);
    free(call->failure);
    free(call);
}

void hs_calls_release(struct history_shard *shard)
{
    for (struct map_node *it; (it = map_next(&shard->calls.by_seq, NULL));)
        call_free(shard, CONTAINER_OF(it, struct hs_call, node));
    map_release(&shard->calls.by_seq);
    hs_breakers_release(&shard->calls.breakers);
}

static void add(struct history_shard *shard, uint64_t row_seq, uint8_t tablet,
                const struct call_row *row, int64_t seq)
{
    struct hs_call *call = calloc(1, sizeof *call);

    must(call != NULL);
    call->shard = shard;
    call->row_seq = row_seq;
    call->tablet = tablet;
    memcpy(call->run_id, row->run_id, sizeof call->run_id);
    bytes_set(&call->id, row->callback_id);
    call->destination = row->destination;
    call->bucket = (uint32_t)(row->destination % HS_CALL_BUCKETS);
    call->seq = seq;
    call->state = CALL_WAITING;
    map_put_u64(&shard->calls.by_seq, row_seq, &call->node);
    list_push_back(&shard->calls.waiting, &call->waiting);
}

static void want_look(struct history_shard *shard, int64_t at_ns)
{
    if (at_ns < shard->calls.look_ns)
        shard->calls.look_ns = at_ns;
}

void hs_calls_changed(struct history_shard *shard, const struct transition *t, int64_t seq)
{
    for (size_t i = 0; i < t->callback_count; i++) {
        const struct callback_change *change = &t->callbacks[i];
        struct hs_call *call = find(shard, change->row_seq);
        struct call_row row = {.callback_id = change->id, .destination = change->destination};

        if (!change->add) {
            if (call)
                call_free(shard, call);
        } else if (shard->calls.by_seq.count >= CALLS_MAX || shard->calls.more) {
            shard->calls.more = true; /* in the order of their coming */
        } else {
            memcpy(row.run_id, t->run->run_id, sizeof row.run_id);
            add(shard, change->row_seq, t->run->tablet, &row, seq);
        }
    }
}

/* -- a run that is deleted -------------------------------------------------------------------- */

size_t hs_calls_drop(const struct run *run, struct arena *arena, struct store_op **ops)
{
    size_t count = 0;

    *ops = ARENA_ARRAY(arena, struct store_op, HS_CALLS_DROP_MAX);
    for (struct map_node *it = map_next(&run->callbacks, NULL); it && count < HS_CALLS_DROP_MAX;
         it = map_next(&run->callbacks, it)) {
        const struct callback *callback = CONTAINER_OF(it, struct callback, node);
        struct row_key key;

        if (callback->row_seq == 0)
            continue;
        row_key_call(&key, run->tablet, callback->row_seq);
        (*ops)[count++] = (struct store_op){.kind = STORE_DELETE,
                                            .family = STORE_MAIN,
                                            .key = arena_copy(arena, row_key_slice(&key))};
    }
    return count;
}

void hs_calls_dropped(struct history_shard *shard, const struct run *run)
{
    for (struct map_node *it = map_next(&run->callbacks, NULL); it;
         it = map_next(&run->callbacks, it)) {
        const struct callback *callback = CONTAINER_OF(it, struct callback, node);
        struct hs_call *call = callback->row_seq ? find(shard, callback->row_seq) : NULL;

        if (call && call->state == CALL_WAITING)
            call_free(shard, call);
    }
}

/* -- looking at the rows --------------------------------------------------------------------- */

struct look_job {
    struct hs_job job;
    struct arena arena;
    uint8_t first_tablet;
    uint32_t tablet_count;
    struct {
        uint64_t row_seq;
        uint8_t tablet;
        struct call_row row;
    } rows[CALLS_MAX];
    uint32_t count;
    bool more;
    uint64_t blocked[BLOCKED_MAX]; /* destinations whose rows are passed over */
    uint32_t blocked_count;
    int64_t again_ns; /* when the first of them is not blocked any more */
    enum err err;
};

static bool is_blocked(const struct look_job *look, uint64_t destination)
{
    for (uint32_t i = 0; i < look->blocked_count; i++)
        if (look->blocked[i] == destination)
            return true;
    return false;
}

static bool visit_row(void *arg, struct slice key, struct slice value)
{
    struct look_job *look = arg;

    if (look->count == CALLS_MAX) {
        look->more = true;
        return false;
    }
    if (key.len != CALL_KEY_LEN) {
        look->err = ERR_CORRUPT;
        return false;
    }
    look->err = row_call_decode(&look->arena, arena_copy(&look->arena, value),
                                &look->rows[look->count].row);
    if (look->err == ERR_OK && is_blocked(look, look->rows[look->count].row.destination))
        return true;
    look->rows[look->count].tablet = key.ptr[0];
    look->rows[look->count++].row_seq = be64_get(key.ptr + 2);
    return look->err == ERR_OK;
}

static enum err look_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct look_job *look = CONTAINER_OF(arg, struct look_job, job);

    for (uint32_t i = 0; i < look->tablet_count; i++) {
        const uint8_t from[2] = {(uint8_t)(look->first_tablet + i), 'H'};
        const uint8_t to[2] = {from[0], 'H' + 1};
        const enum err err = store_scan(snapshot, STORE_MAIN, slice_of(from, 2), slice_of(to, 2),
                                        false, visit_row, look);

        if (err != ERR_OK || look->err != ERR_OK)
            return err != ERR_OK ? err : look->err;
    }
    return ERR_OK;
}

static void look_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct look_job *look = CONTAINER_OF(arg, struct look_job, job);
    struct hs_calls *calls = &shard->calls;
    const int64_t staged = err == ERR_CANCELED ? 0 : store_staged_seq(shard->store);

    calls->looking = false;
    for (uint32_t i = 0; err == ERR_OK && i < look->count; i++) {
        if (calls->by_seq.count >= CALLS_MAX)
            calls->more = true;
        else if (!find(shard, look->rows[i].row_seq))
            add(shard, look->rows[i].row_seq, look->rows[i].tablet, &look->rows[i].row, staged);
    }
    if (err == ERR_OK)
        calls->more = calls->more || look->more;
    if (err == ERR_OK && look->blocked_count > 0)
        want_look(shard, look->again_ns);
    if (err != ERR_OK)
        want_look(shard, hs_mono_ns(shard) + AGAIN_NS);
    arena_release(&look->arena);
    free(look);
    if (err != ERR_CANCELED)
        hs_calls_run(shard);
}

static void look(struct history_shard *shard)
{
    struct look_job *job = calloc(1, sizeof *job);

    must(job != NULL);
    arena_init(&job->arena);
    job->first_tablet = shard->first_tablet;
    job->tablet_count = shard->tablet_count;
    job->job.read = look_read;
    job->job.done = look_done;
    job->blocked_count = hs_breakers_shut(&shard->calls.breakers, hs_mono_ns(shard), job->blocked,
                                          BLOCKED_MAX, &job->again_ns);
    shard->calls.looking = true;
    shard->calls.more = false; /* what comes from now on says it again */
    shard->calls.look_ns = INT64_MAX;
    hs_read(shard, &job->job);
}

void hs_calls_open(struct history_shard *shard)
{
    if (shard->options.caller)
        want_look(shard, 0);
    hs_calls_run(shard);
}

/* -- one call -------------------------------------------------------------------------------- */

static void wait_again(struct history_shard *shard, struct hs_call *call, int64_t delay_ns)
{
    must(call->state != CALL_WAITING);
    end_turn(shard, call);
    call->state = CALL_WAITING;
    call->again_ns = hs_mono_ns(shard) + delay_ns;
    list_push_back(&shard->calls.waiting, &call->waiting);
}

/* A request of ours for the call's run; NULL: there are too many. */
static struct hs_request *ask(struct history_shard *shard, struct hs_call *call, hs_step_fn step,
                              hs_failed_fn failed)
{
    struct hs_request *req = hs_request_new(shard, (struct mesh_addr){0});

    if (!req)
        return NULL;
    memcpy(req->run_id, call->run_id, sizeof req->run_id);
    req->tablet = call->tablet;
    req->step = step;
    req->failed = failed;
    uint64_t *row_seq = ARENA_NEW(&req->arena, uint64_t);
    *row_seq = call->row_seq;
    req->extra = row_seq;
    return req;
}

static struct hs_call *call_of(struct history_shard *shard, const struct hs_request *req)
{
    return find(shard, *(const uint64_t *)req->extra);
}

static void settle(struct hs_call *call, enum callback_outcome outcome, const char *failure)
{
    size_t len = strlen(failure);

    if (len > FAILURE_MAX)
        len = FAILURE_MAX;
    call->answered = true;
    call->outcome = outcome;
    free(call->failure);
    call->failure = strndup(failure, len);
    must(call->failure != NULL);
}

/* The run is not there any more: neither needs its row be. */
static void run_failed(struct history_shard *shard, struct hs_request *req, enum err err)
{
    struct hs_call *call = call_of(shard, req);

    if (call && err == ERR_NOT_FOUND)
        call->gone = true;
    if (call)
        wait_again(shard, call, err == ERR_NOT_FOUND ? 0 : AGAIN_NS);
    hs_answer(shard, req, err, SLICE_EMPTY, 0);
}

static void drop_row(struct history_shard *shard, struct hs_call *call)
{
    struct row_key key;
    int64_t seq;

    row_key_call(&key, call->tablet, call->row_seq);
    const struct store_op op = {
        .kind = STORE_DELETE, .family = STORE_MAIN, .key = row_key_slice(&key)};
    if (store_stage(shard->store, &op, 1, true, &seq) == ERR_OK)
        call_free(shard, call);
    else
        call->again_ns = hs_mono_ns(shard) + AGAIN_NS;
}

static void step_record(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry)
{
    const struct engine_limit limit = hs_take_limit(req);
    struct hs_call *call = call_of(shard, req);
    struct transition t;

    if (!call) {
        hs_answer(shard, req, ERR_STALE, SLICE_EMPTY, 0);
        return;
    }
    const uint64_t row_seq = call->row_seq;
    hs_begin(shard, req, entry->run, &t);
    const enum err err =
        engine_callback_answered(&t, bytes_slice(call->id), row_seq, call->outcome, call->failure);
    if (err == ERR_OK)
        hs_end_for_limit(&t, &limit);
    if (err == ERR_OK && hs_steps_again_for_limit(shard, req, entry, &t, step_record))
        return;           /* the call waits with the request */
    if (err == ERR_STALE) /* its row is gone already */
        call_free(shard, call);
    hs_end(shard, req, entry, &t, err);
    call = find(shard, row_seq); /* when it is recorded, hs_calls_changed() has freed it */
    if (call)
        wait_again(shard, call, AGAIN_NS);
}

/* What waited for the destination may go. */
static void let_go(struct history_shard *shard, uint64_t destination)
{
    LIST_EACH(it, &shard->calls.waiting)
    {
        struct hs_call *call = CONTAINER_OF(it, struct hs_call, waiting);
        if (call->destination == destination)
            call->again_ns = 0;
    }
    if (shard->calls.look_ns != INT64_MAX)
        want_look(shard, 0);
}

/* Spec: a destination that refuses is up. */
static void tell_breaker(struct history_shard *shard, struct hs_call *call, bool up)
{
    struct hs_breakers *breakers = &shard->calls.breakers;
    const bool was_blocked = hs_breaker_blocks(breakers, call->destination);

    if (hs_breaker_leave(breakers, &call->pass, &call->breaker,
                         up ? BREAKER_SUCCESS : BREAKER_FAILURE, hs_mono_ns(shard)))
        let_go(shard, call->destination);
    const bool blocked = hs_breaker_blocks(breakers, call->destination);
    if (blocked != was_blocked)
        log_warn(shard->options.log, "the circuit breaker of a callback's destination moved",
                 F_STR("run_id", call->run_id), F_STR("state", blocked ? "open" : "closed"));
}

static void on_answer(void *arg, const struct http_answer *answer)
{
    struct hs_call *call = arg;
    struct history_shard *shard = call->shard;
    struct arena arena;
    const char *failure;

    must(call->state == CALL_POSTED);
    arena_init(&arena);
    const enum nexus_verdict verdict =
        nexus_completion_verdict(&arena, call->url, answer, &failure);
    counter_add(verdict == NEXUS_DELIVERED ? shard->metrics.callbacks_delivered
                                           : shard->metrics.callbacks_failed,
                1);
    settle(call,
           verdict == NEXUS_DELIVERED   ? CALLBACK_DELIVERED
           : verdict == NEXUS_TRY_AGAIN ? CALLBACK_TRY_AGAIN
                                        : CALLBACK_REFUSED,
           failure);
    arena_release(&arena);
    tell_breaker(shard, call, verdict != NEXUS_TRY_AGAIN);
    wait_again(shard, call, 0);
    hs_calls_run(shard);
    hs_rearm(shard);
}

struct prepared {
    uint64_t row_seq; /* first: call_of() */
    struct callback_call what;
};

/* The one event that was read. */
static enum err closing_event(struct hs_request *req, const struct hs_events *events,
                              api_history_event **out)
{
    api_history *history;
    struct buf bytes;

    buf_init(&bytes, 0);
    for (uint32_t i = 0; i < events->part_count; i++)
        buf_append_slice(&bytes, events->parts[i]);
    const struct slice copy = arena_copy(&req->arena, buf_slice(&bytes));
    buf_release(&bytes);
    if (proto_decode(&req->arena, &api_history__desc, copy, &history, &req->detail) != ERR_OK ||
        history->n_events != 1)
        return ERR_CORRUPT;
    *out = history->events[0];
    return ERR_OK;
}

/* The event that ended the run or the update is here (or NULL, there is none): post. */
static enum err post(struct history_shard *shard, struct hs_request *req, struct hs_call *call,
                     const api_history_event *closing)
{
    const struct prepared *prepared = req->extra;
    api_callback *callback;
    struct http_request request;
    int64_t again_ns;

    if (proto_decode(&req->arena, &api_callback__desc, prepared->what.spec, &callback,
                     &req->detail) != ERR_OK ||
        callback->variant_case != TEMPORAL__API__COMMON__V1__CALLBACK__VARIANT_NEXUS)
        return ERR_CORRUPT;
    const struct nexus_completion completion = {
        .callback = callback->nexus,
        .closing = closing,
        .ended = prepared->what.ended,
        .namespace_name = prepared->what.namespace_name,
        .workflow_id = prepared->what.workflow_id,
        .run_id = call->run_id,
        .of_update = prepared->what.of_update,
        .request_id = prepared->what.request_id,
        .request_event = prepared->what.request_event,
        .start_ns = prepared->what.start_ns,
    };
    if (nexus_is_system_url(callback->nexus->url)) {
        settle(call, CALLBACK_REFUSED, "handler error (BAD_REQUEST): invalid callback token");
        return ERR_OK;
    }
    enum err err = nexus_completion_request(&req->arena, &completion, &request);
    if (err != ERR_OK)
        return err;
    const struct dynconf_where where = {.namespace_name = prepared->what.namespace_name,
                                        .destination = nexus_destination(callback->nexus->url)};
    request.timeout_ms =
        dynconf_duration_at(shard->options.dynconf, DYNCONF_CALLBACK_REQUEST_TIMEOUT, &where) /
        NS_PER_MS;
    request.done = on_answer;
    request.arg = call;
    free(call->url);
    call->url = strdup(callback->nexus->url);
    must(call->url != NULL);
    call->breaker = hs_breaker_settings(shard->options.dynconf, &where);
    if (!hs_breaker_enter(&shard->calls.breakers, call->destination, &call->breaker,
                          hs_mono_ns(shard), &call->pass, &again_ns))
        return ERR_BUSY;
    err = shard->options.caller->post(shard->options.caller->self, &request, &call->posted);
    if (err == ERR_OK) {
        call->state = CALL_POSTED;
        counter_add(shard->metrics.callbacks_sent, 1);
    } else {
        (void)hs_breaker_leave(&shard->calls.breakers, &call->pass, &call->breaker, BREAKER_NOTHING,
                               hs_mono_ns(shard));
    }
    return err;
}

/* `events` NULL: none is wanted. */
static void events_read(struct history_shard *shard, struct hs_request *req, enum err err,
                        struct hs_events *events)
{
    struct hs_call *call = call_of(shard, req);
    api_history_event *closing = NULL;

    if (err == ERR_OK && events)
        err = closing_event(req, events, &closing);
    if (call && err == ERR_OK)
        err = post(shard, req, call, closing);
    if (call && call->state != CALL_POSTED)
        wait_again(shard, call, call->answered ? 0 : AGAIN_NS);
    if (err == ERR_CORRUPT)
        log_error(shard->options.log, "a callback can't be delivered", F_STR("run_id", req->run_id),
                  F_ERR(err));
    hs_answer(shard, req, err, SLICE_EMPTY, 0);
    if (call && call->answered)
        hs_calls_run(shard);
}

static void step_prepare(struct history_shard *shard, struct hs_request *req,
                         struct hs_entry *entry)
{
    struct hs_call *call = call_of(shard, req);
    struct prepared *prepared = ARENA_NEW(&req->arena, struct prepared);

    if (!call) {
        hs_answer(shard, req, ERR_STALE, SLICE_EMPTY, 0);
        return;
    }
    if (engine_callback_call(entry->run, bytes_slice(call->id), call->row_seq, &req->arena,
                             &prepared->what) != ERR_OK) {
        call_free(shard, call); /* the row was on its way out when we saw it */
        hs_answer(shard, req, ERR_STALE, SLICE_EMPTY, 0);
        return;
    }
    prepared->row_seq = call->row_seq;
    req->extra = prepared;
    const int64_t event_id = prepared->what.event_id;
    if (event_id == 0) {
        events_read(shard, req, ERR_OK, NULL);
        return;
    }
    const struct hs_events want = {
        .from = event_id, .to = event_id + 1, .events_max = 1, .bytes_max = SIZE_MAX};
    hs_events_read(shard, req, entry, &want, events_read);
}

/* -- going on -------------------------------------------------------------------------------- */

static void begin(struct history_shard *shard, struct hs_call *call)
{
    struct hs_request *req = call->answered ? ask(shard, call, step_record, run_failed)
                                            : ask(shard, call, step_prepare, run_failed);

    if (!req) {
        call->again_ns = hs_mono_ns(shard) + AGAIN_NS;
        return;
    }
    list_remove(&call->waiting);
    call->state = CALL_BUSY;
    shard->calls.under_way++;
    shard->calls.by_bucket[call->bucket]++;
    hs_with_run(shard, req);
}

static bool may_begin(struct history_shard *shard, struct hs_call *call)
{
    int64_t again_ns;

    if (call->seq > shard->durable || call->again_ns > hs_mono_ns(shard) || !has_turn(shard, call))
        return false;
    if (call->answered || call->gone ||
        hs_breaker_lets(&shard->calls.breakers, call->destination, hs_mono_ns(shard), &again_ns))
        return true;
    call->again_ns = again_ns;
    return false;
}

/* Rows that are not in memory shall have the room of a call that waits for its breaker. */
static bool makes_room(struct history_shard *shard, struct hs_call *call)
{
    if (!shard->calls.more || call->answered || call->gone || call->seq > shard->durable ||
        call->again_ns <= hs_mono_ns(shard) ||
        !hs_breaker_blocks(&shard->calls.breakers, call->destination))
        return false;
    want_look(shard, call->again_ns);
    call_free(shard, call);
    return true;
}

static void take(struct history_shard *shard)
{
    LIST_EACH_SAFE(it, tmp, &shard->calls.waiting)
    {
        struct hs_call *call = CONTAINER_OF(it, struct hs_call, waiting);

        if (!may_begin(shard, call)) {
            (void)makes_room(shard, call);
            continue;
        }
        if (call->gone)
            drop_row(shard, call);
        else
            begin(shard, call);
        shard->calls.again = true; /* the list may have changed in any way */
        return;
    }
}

void hs_calls_run(struct history_shard *shard)
{
    struct hs_calls *calls = &shard->calls;

    if (!shard->options.caller || shard->draining || shard->closing || shard->lost)
        return;
    calls->again = true;
    if (calls->running) /* a step that ends at once leads here again */
        return;
    calls->running = true;
    while (calls->again) {
        calls->again = false;
        take(shard);
    }
    calls->running = false;
    if (calls->more && calls->by_seq.count < CALLS_MAX / 2)
        want_look(shard, 0);
    if (!calls->looking && calls->look_ns <= hs_mono_ns(shard))
        look(shard);
}

int64_t hs_calls_next_mono_ns(struct history_shard *shard)
{
    const struct hs_calls *calls = &shard->calls;
    int64_t next_ns = calls->looking ? INT64_MAX : calls->look_ns;

    if (!shard->options.caller || shard->draining)
        return INT64_MAX;
    LIST_EACH(it, &calls->waiting)
    {
        const struct hs_call *call = CONTAINER_OF(it, struct hs_call, waiting);

        /* One that waits for durability or for its turn goes on when that comes. */
        if (call->seq <= shard->durable && call->again_ns < next_ns && has_turn(shard, call))
            next_ns = call->again_ns;
    }
    return next_ns;
}

static bool is_blocked_now(void *arg, uint64_t destination)
{
    return hs_breaker_blocks(arg, destination);
}

void hs_calls_look(struct history_shard *shard, struct run *run, struct arena *arena)
{
    if (run->callbacks.count > 0)
        run_callbacks_look(run, arena, is_blocked_now, &shard->calls.breakers);
}
