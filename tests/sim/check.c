/* check.c - the laws that hold at the end: everything is stopped where it stands, the shards are
 * opened once more, and what they hold is compared with what users were told. */
#include "admin/check/check.h"
#include "common/store/store.h"
#include "history/engine/branches.h"
#include "history/engine/rows.h"
#include "tests/sim/script.h"

#include <stdio.h>

struct reading {
    struct sim *sim;
    struct store_snapshot *snapshot;
    uint32_t shard;
    struct arena arena;
    uint64_t task_rows;
};

static bool ends_by_itself(const struct run *run)
{
    return run->status == WORKFLOW_EXECUTION_STATUS_COMPLETED ||
           run->status == WORKFLOW_EXECUTION_STATUS_FAILED ||
           run->status == WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW;
}

/* -- one history ------------------------------------------------------------------------------- */

struct span { /* of a timer: when it began, for how long */
    int64_t event_id, began_ns, span_ns;
    bool fired;
};

enum { SPANS_MAX = 64 };

struct events {
    struct sim *sim;
    const struct run *run;
    struct span timers[SPANS_MAX];
    uint32_t timer_count;
    struct {
        int64_t scheduled_id;
        const char *id;
        bool completed;
    } activities[SPANS_MAX];
    uint32_t activity_count;
    const char *owner;    /* the run that wrote the events being read */
    int64_t end;          /* those before this one are this run's */
    int64_t begins_ns;    /* no task is scheduled before that */
    int64_t times_out_ns; /* not before that; 0: never */
    bool paused;
    const struct sim_script *script;
};

static int64_t time_of(const api_history_event *event)
{
    int64_t ns = 0;

    must(proto_timestamp_ns(event->event_time, &ns) == ERR_OK);
    return ns;
}

static void check_timer_fired(struct events *e, const api_history_event *event)
{
    const int64_t started_id = event->timer_fired_event_attributes->started_event_id;

    for (uint32_t i = 0; i < e->timer_count; i++) {
        struct span *timer = &e->timers[i];

        if (timer->event_id != started_id)
            continue;
        if (timer->fired)
            sim_fail(e->sim, "a timer fires once", "run %s timer of event %lld", e->run->run_id,
                     (long long)started_id);
        timer->fired = true;
        if (time_of(event) - timer->began_ns < timer->span_ns)
            sim_fail(e->sim, "a timer is never early", "run %s: %lld ns of %lld", e->run->run_id,
                     (long long)(time_of(event) - timer->began_ns), (long long)timer->span_ns);
        return;
    }
    sim_fail(e->sim, "histories are legal", "run %s: an unknown timer fired", e->run->run_id);
}

static void check_completed(struct events *e, const api_history_event *event)
{
    const api_activity_task_completed_event_attributes *a =
        event->activity_task_completed_event_attributes;
    char name[192];
    uint32_t i = 0;

    while (i < e->activity_count && e->activities[i].scheduled_id != a->scheduled_event_id)
        i++;
    if (i == e->activity_count || e->activities[i].completed) {
        sim_fail(e->sim, "a completion is recorded once", "run %s, scheduled event %lld",
                 e->run->run_id, (long long)a->scheduled_event_id);
        return;
    }
    e->activities[i].completed = true;
    const char *result = sim_payload_text(e->sim, a->result);
    snprintf(name, sizeof name, "completed %s %s", e->owner, result);
    if (strncmp(result, e->activities[i].id, strlen(e->activities[i].id)) != 0 ||
        !fact_known(e->sim, name))
        sim_fail(e->sim, "what is recorded was said", "run %s activity %s: result \"%s\"",
                 e->run->run_id, e->activities[i].id, result);
    fact_get(e->sim, "recorded %s %s", e->owner, result)->count++;
}

/* When a run that begins at `from_ns` may time out; 0: never. */
static int64_t timeout_of(const api_workflow_execution_started_event_attributes *a, int64_t from_ns)
{
    int64_t run_ns = 0, end_ns = 0;

    if (a->workflow_run_timeout)
        must(proto_duration_ns(a->workflow_run_timeout, &run_ns) == ERR_OK);
    if (a->workflow_execution_expiration_time)
        must(proto_timestamp_ns(a->workflow_execution_expiration_time, &end_ns) == ERR_OK);
    if (run_ns == 0)
        return end_ns;
    return end_ns && end_ns < from_ns + run_ns ? end_ns : from_ns + run_ns;
}

/* Neither early, nor without one. */
static void check_timed_out(const struct events *e, const api_history_event *event)
{
    if (e->times_out_ns == 0 || time_of(event) < e->times_out_ns)
        sim_fail(e->sim, "a run's time-out is never early", "run %s: %lld ms", e->run->run_id,
                 (long long)((e->times_out_ns - time_of(event)) / NS_PER_MS));
}

/* Pauses and ends of pauses take turns. */
static void check_pause(struct events *e, bool paused)
{
    if (e->paused == paused)
        sim_fail(e->sim, "histories are legal", "run %s: paused or unpaused twice", e->run->run_id);
    e->paused = paused;
}

/* Whether by retry or by schedule; updates and cancellations do not wait. */
static void check_started(struct events *e, const api_history_event *event)
{
    const api_workflow_execution_started_event_attributes *a =
        event->workflow_execution_started_event_attributes;
    int64_t wait_ns = 0;

    if (a->first_workflow_task_backoff)
        must(proto_duration_ns(a->first_workflow_task_backoff, &wait_ns) == ERR_OK);
    e->begins_ns = e->script->updates || e->script->hastened ? 0 : time_of(event) + wait_ns;
    e->times_out_ns = timeout_of(a, time_of(event) + wait_ns);
    if (strcmp(e->run->first_run_id, e->run->run_id) == 0 && wait_ns < e->script->delay_ns)
        sim_fail(e->sim, "a run begins when its time has come", "run %s: not delayed",
                 e->run->run_id);
    if (e->script->chain == CHAIN_CRON && wait_ns == 0)
        sim_fail(e->sim, "a run begins when its time has come", "run %s: at once", e->run->run_id);
    if ((uint32_t)a->attempt > e->script->generations)
        sim_fail(e->sim, "attempts are bounded", "run %s: attempt %d of %u", e->run->run_id,
                 a->attempt, e->script->generations);
}

/* Runs that were reset share events and repeat others: then a signal is in several. */
static void check_signaled(struct events *e, const api_history_event *event)
{
    const char *tag =
        sim_payload_text(e->sim, event->workflow_execution_signaled_event_attributes->input);
    struct fact *in_chain = fact_get(e->sim, "signal of %s %s", e->script->workflow_id, tag);

    if (++fact_get(e->sim, "signal of run %s %s", e->run->run_id, tag)->count > 1)
        sim_fail(e->sim, "a signal is recorded once", "run %s signal %s", e->run->run_id, tag);
    if (e->script->resets == 0 || in_chain->count == 0)
        in_chain->count++;
}

static void check_event(struct events *e, const api_history_event *event)
{
    struct sim *sim = e->sim;

    switch (event->event_type) {
    case EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
        check_started(e, event);
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
        e->begins_ns = 0;
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
        check_timed_out(e, event);
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED:
    case EVENT_TYPE_WORKFLOW_EXECUTION_UNPAUSED:
        check_pause(e, event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED);
        if (!e->paused)
            e->begins_ns = 0; /* the end of a pause does not wait */
        break;
    case EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
        if (e->paused)
            sim_fail(sim, "a paused workflow rests", "run %s: task %lld", e->run->run_id,
                     (long long)event->event_id);
        if (time_of(event) < e->begins_ns)
            sim_fail(sim, "a run begins when its time has come", "run %s: %lld ms early",
                     e->run->run_id, (long long)((e->begins_ns - time_of(event)) / NS_PER_MS));
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
        check_signaled(e, event);
        break;
    case EVENT_TYPE_TIMER_STARTED:
        must(e->timer_count < SPANS_MAX);
        e->timers[e->timer_count] =
            (struct span){.event_id = event->event_id, .began_ns = time_of(event)};
        must(proto_duration_ns(event->timer_started_event_attributes->start_to_fire_timeout,
                               &e->timers[e->timer_count].span_ns) == ERR_OK);
        e->timer_count++;
        break;
    case EVENT_TYPE_TIMER_FIRED:
        check_timer_fired(e, event);
        break;
    case EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
        must(e->activity_count < SPANS_MAX);
        e->activities[e->activity_count].id =
            event->activity_task_scheduled_event_attributes->activity_id;
        e->activities[e->activity_count++].scheduled_id = event->event_id;
        break;
    case EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
        check_completed(e, event);
        break;
    default:
        user_updates_check_event(sim, e->run->run_id, event);
        break;
    }
}

static bool visit_node(void *arg, struct slice key, struct slice value)
{
    struct events *e = arg;
    const api_history *history = sim_decode(e->sim, &api_history__desc, value);

    UNUSED(key);
    for (size_t i = 0; i < history->n_events && history->events[i]->event_id < e->end; i++)
        check_event(e, history->events[i]);
    return true;
}

static enum err check_run(struct reading *r, uint8_t tablet, const uint8_t *id)
{
    struct sim *sim = r->sim;
    char run_id[UUID_TEXT_LEN + 1];
    struct row_key from, to;
    struct events events = {.sim = sim};
    struct branches branches;
    struct run *run;

    uuid_format(id, run_id);
    enum err err = run_load(r->snapshot, tablet, SLICE_EMPTY, run_id, &run);
    if (err != ERR_OK)
        return err;
    events.run = run;
    events.script = script_find(sim, arena_str(&sim->scratch, run->workflow_id));
    must(events.script != NULL);
    const bool ok = branches_decode(run->branches, &branches);
    must(ok);
    for (int64_t at = 1; err == ERR_OK && at != INT64_MAX; at = events.end) {
        events.owner = branches_owner(&branches, run_id, at, &events.end);
        row_key_node(&from, tablet, events.owner, at);
        row_key_node(&to, tablet, events.owner, events.end);
        err = store_scan(r->snapshot, STORE_MAIN, row_key_slice(&from), row_key_slice(&to), false,
                         visit_node, &events);
    }
    if (run->reset_request_id.len &&
        ++fact_get(sim, "reset by " SLICE_FMT, SLICE_ARG(run->reset_request_id))->count > 1)
        sim_fail(sim, "a reset happens once", "%s: " SLICE_FMT, run_id,
                 SLICE_ARG(run->reset_request_id));
    fact_get(sim, "run %s", run_id)->count++;
    if (strcmp(run->first_run_id, run_id) == 0)
        fact_get(sim, "first run of " SLICE_FMT, SLICE_ARG(run->workflow_id))->count++;
    if (ends_by_itself(run))
        fact_get(sim, "ended by itself %s", run_id);
    run_free(run);
    return err;
}

static bool visit_row(void *arg, struct slice key, struct slice value)
{
    struct reading *r = arg;

    UNUSED(value);
    if (key.len == 18 && key.ptr[1] == 'X') {
        const enum err err = check_run(r, key.ptr[0], key.ptr + 2);
        if (err != ERR_OK)
            sim_fail(r->sim, "every run loads", "shard %u: %s", r->shard, err_name(err));
    } else if (key.len > 2 && key.ptr[1] == 'T') {
        r->task_rows++;
    }
    return !r->sim->broken;
}

static enum err read_shard(struct store_snapshot *snapshot, void *arg)
{
    struct reading *r = arg;

    r->snapshot = snapshot;
    return store_scan(snapshot, STORE_MAIN, SLICE_EMPTY, SLICE_EMPTY, false, visit_row, r);
}

/* -- what users were told ---------------------------------------------------------------------- */

static void check_script(const struct sim_script *script)
{
    struct sim *sim = script->sim;
    char name[128];

    snprintf(name, sizeof name, "run %s", script->run_id);
    if (script->run_id && !fact_known(sim, name))
        sim_fail(sim, "an acknowledged start is kept", "%s run %s is not stored",
                 script->workflow_id, script->run_id);
    const uint64_t starts = fact_get(sim, "first run of %s", script->workflow_id)->count;
    snprintf(name, sizeof name, "run %s", script->reset_run_id);
    if (script->reset_run_id && !fact_known(sim, name))
        sim_fail(sim, "an acknowledged reset is kept", "%s run %s", script->workflow_id,
                 script->reset_run_id);
    snprintf(name, sizeof name, "child started %s", script->workflow_id);
    if (starts > 1 || (starts == 0 && (!script->parent || fact_known(sim, name))))
        sim_fail(sim, "a start happens once", "%s: %llu first runs", script->workflow_id,
                 (unsigned long long)starts);
    for (uint32_t i = 0; i < script->signals; i++) {
        const uint64_t count = fact_get(sim, "signal of %s %u", script->workflow_id, i)->count;

        if (count > 1)
            sim_fail(sim, "a signal is recorded once", "%s signal %u: %llu times",
                     script->workflow_id, i, (unsigned long long)count);
        if (count == 0 && script->signaled[i])
            sim_fail(sim, "an acknowledged signal is kept", "%s signal %u", script->workflow_id, i);
    }
}

/* "completed <run id> <activity id> <attempt>", acknowledged: is it in the run's history? */
static void check_completions(struct sim *sim)
{
    static const char said[] = "completed ";

    for (struct map_node *n = map_next(&sim->facts, NULL); n && !sim->broken;
         n = map_next(&sim->facts, n)) {
        const struct fact *fact = CONTAINER_OF(n, struct fact, node);
        char name[256];

        if (!slice_starts_with(n->key, slice_str(said)) || fact->count == 0)
            continue;
        const char *rest = (const char *)n->key.ptr + sizeof said - 1;
        const int len = (int)(n->key.len - (sizeof said - 1));
        snprintf(name, sizeof name, "ended by itself %.*s", UUID_TEXT_LEN, rest);
        if (!fact_known(sim, name))
            continue;
        snprintf(name, sizeof name, "recorded %.*s", len, rest);
        if (!fact_known(sim, name))
            sim_fail(sim, "an acknowledged completion is kept", "%.*s", len, rest);
    }
}

static void check_shard(struct sim *sim, struct store *store, uint32_t id)
{
    const struct store_shard_callbacks callbacks = {0};
    struct reading reading = {.sim = sim, .shard = id};
    struct check_report report;
    struct store_shard *shard;
    struct err_detail detail = {0};

    if (store_shard_open(store, id, NULL, &callbacks, &shard, &detail) != ERR_OK) {
        sim_fail(sim, "a shard opens", "%s", detail.text);
        return;
    }
    check_report_init(&report);
    enum err err = check_history_shard(shard, id, &report);
    if (err == ERR_OK && report.problems)
        sim_fail(sim, "rows, state and events agree", "%.*s", (int)report.text.len,
                 (const char *)report.text.ptr);
    if (err == ERR_OK && report.open_runs)
        sim_fail(sim, "every workflow closes", "shard %u has open runs", id);
    check_report_release(&report);
    if (err == ERR_OK)
        err = store_read_now(shard, read_shard, &reading);
    if (err != ERR_OK)
        sim_fail(sim, "a shard can be read", "shard %u: %s", id, err_name(err));
    if (reading.task_rows)
        sim_fail(sim, "no task outlives its workflow", "shard %u: %llu rows", id,
                 (unsigned long long)reading.task_rows);
    store_shard_close(shard, false);
}

void check_end(struct sim *sim)
{
    const struct store_options options = {.backend = "memory",
                                          .dir = sim->dir,
                                          .service = "history",
                                          .clock = &sim->clock,
                                          .log = &sim->log,
                                          .metrics = sim->metrics,
                                          .commit_threads = 1,
                                          .manual = true,
                                          .seed = 1};
    struct err_detail detail = {0};
    struct store *store;

    sim->stopping = true;
    procs_stop(sim);
    must(store_open(&options, &store, &detail) == ERR_OK);
    for (uint32_t i = 0; i < SIM_SHARDS && !sim->broken; i++)
        check_shard(sim, store, i);
    store_close(store);
    for (uint32_t i = 0; i < sim->script_count && !sim->broken; i++)
        check_script(&sim->scripts[i]);
    if (!sim->broken)
        check_completions(sim);
    if (!sim->broken)
        user_updates_check(sim);
}
