/* start_workflow.c - StartWorkflowExecution and SignalWithStart: what the current run of the
 * workflow id allows. */
#include "history/shard/shard_int.h"

#include "common/base/hash.h"
#include "common/proto/signal_with_start.h"

struct start {
    const api_start_workflow_execution_request *request;
    const api_signal_workflow_execution_request *signal; /* with the start; may be NULL */
    char run_id[UUID_TEXT_LEN + 1];
};

/* -- the new run ---------------------------------------------------------------------------- */

static struct run *begin_start(struct history_shard *shard, struct hs_request *req,
                               struct transition *t, enum err *err)
{
    const struct start *start = req->extra;
    const struct engine_start what = {
        .request = start->request,
        .namespace_id = req->api.namespace_id,
        .namespace_name = req->api.namespace_name,
        .retention_s = req->api.retention_s,
        .run_id = start->run_id,
        .signal = start->signal,
    };
    struct run *run = run_new();

    hs_begin(shard, req, run, t);
    *err = engine_start(t, &what);
    if (*err == ERR_OK) {
        must(strcmp(run->run_id, start->run_id) == 0 && run->tablet == req->tablet);
        if (start->signal)
            t->reply =
                engine_signal_with_start_reply(&req->arena, run, start->signal->request_id, true);
        return run;
    }
    transition_release(t);
    run_free(run);
    return NULL;
}

static void start_new(struct history_shard *shard, struct hs_request *req)
{
    struct transition t;
    enum err err;
    struct run *run = begin_start(shard, req, &t, &err);

    if (!run) {
        hs_answer(shard, req, err, SLICE_EMPTY, 0);
        return;
    }
    struct hs_entry *entry = hs_entry_add(shard, run);
    int64_t seq = 0;
    err = hs_commit(shard, req, &(struct hs_change){entry, &t, true}, 1);
    if (err == ERR_OK)
        seq = entry->seq;
    const struct slice reply = t.reply;
    transition_release(&t);
    hs_answer(shard, req, err, err == ERR_OK ? reply : SLICE_EMPTY, seq);
}

/* -- in place of a running one -------------------------------------------------------------- */

static void decide(struct history_shard *shard, struct hs_request *req);

static void step_replace(struct history_shard *shard, struct hs_request *req,
                         struct hs_entry *entry)
{
    const struct start *start = req->extra;
    struct transition end, t;

    req->run_id[0] = '\0';
    if (!run_is_open(entry->run)) { /* it closed while this request waited: decide anew */
        decide(shard, req);
        return;
    }
    enum err err;
    struct run *run = begin_start(shard, req, &t, &err);
    if (!run) {
        hs_answer(shard, req, err, SLICE_EMPTY, entry->seq);
        return;
    }
    int64_t seq = entry->seq;
    hs_begin(shard, req, entry->run, &end);
    end.now_ns = t.now_ns;
    err = engine_terminate_for_new_run(&end, start->run_id);
    if (err == ERR_OK) {
        struct hs_entry *fresh = hs_entry_add(shard, run);
        const struct hs_change changes[] = {{entry, &end, false}, {fresh, &t, true}};

        err = hs_commit(shard, req, changes, COUNT_OF(changes));
        if (err == ERR_OK)
            seq = fresh->seq;
    } else {
        run_free(run);
    }
    const struct slice reply = t.reply;
    transition_release(&end);
    transition_release(&t);
    hs_answer(shard, req, err, err == ERR_OK ? reply : SLICE_EMPTY, seq);
}

/* -- a signal to the current one ------------------------------------------------------------ */

static void step_signal_current(struct history_shard *shard, struct hs_request *req,
                                struct hs_entry *entry)
{
    const struct start *start = req->extra;
    const char *request_id = start->signal->request_id;
    struct transition t;

    req->run_id[0] = '\0';
    if (!run_is_open(entry->run) && strcmp(entry->run->start_request_id, request_id) != 0) {
        decide(shard, req); /* it closed while this request waited */
        return;
    }
    if (!run_is_open(entry->run)) { /* the repeat of the request that started it */
        hs_answer(shard, req, ERR_OK,
                  engine_signal_with_start_reply(&req->arena, entry->run, request_id, false),
                  entry->seq);
        return;
    }
    hs_begin(shard, req, entry->run, &t);
    const enum err err = engine_signal_at_once(&t, start->signal);
    if (err == ERR_OK)
        t.reply = engine_signal_with_start_reply(&req->arena, entry->run, request_id, false);
    hs_end(shard, req, entry, &t, err);
}

static void signal_current(struct history_shard *shard, struct hs_request *req,
                           const struct hs_current *current)
{
    memcpy(req->run_id, current->run.run_id, sizeof req->run_id);
    req->step = step_signal_current;
    hs_with_run(shard, req);
}

/* -- the decision --------------------------------------------------------------------------- */

static void answer_current(struct history_shard *shard, struct hs_request *req,
                           const struct hs_current *current, bool started)
{
    const struct start *start = req->extra;

    if (start->signal) {
        signal_current(shard, req, current);
        return;
    }
    const struct slice reply =
        engine_start_reply(&req->arena, current->run.run_id, current->run.first_run_id,
                           req->api.namespace_name, req->workflow_id, current->run.status, started);

    hs_answer(shard, req, ERR_OK, reply, current->seq);
}

static void decide(struct history_shard *shard, struct hs_request *req)
{
    const struct start *start = req->extra;
    struct hs_current *current = hs_current_get(shard, req);

    if (current->loading) { /* starts of one workflow id stand in line here */
        hs_current_wait(current, req, decide);
        return;
    }
    if (!current->exists) {
        start_new(shard, req);
        return;
    }
    switch (engine_start_policy(start->request, &current->run, hs_now_ns(shard), &req->arena,
                                &req->detail)) {
    case START_NEW:
        start_new(shard, req);
        break;
    case START_SAME_REQUEST:
        answer_current(shard, req, current, true);
        break;
    case START_USE_EXISTING:
        answer_current(shard, req, current, false);
        break;
    case START_TERMINATE_EXISTING:
        memcpy(req->run_id, current->run.run_id, sizeof req->run_id);
        req->step = step_replace;
        hs_with_run(shard, req);
        break;
    case START_REFUSE:
        hs_answer(shard, req, ERR_EXISTS, SLICE_EMPTY, current->seq);
        break;
    }
}

static void begin(struct history_shard *shard, struct hs_request *req, const struct start *what)
{
    struct start *start = ARENA_NEW(&req->arena, struct start);

    *start = *what;
    uuid_v7(&shard->rng, hs_now_ns(shard) / NS_PER_MS, start->run_id);
    req->extra = start;
    req->namespace_id = req->api.namespace_id;
    req->workflow_id = slice_str(start->request->workflow_id);
    req->tablet = hash_tablet(req->namespace_id, req->workflow_id);
    if (req->namespace_id.len != UUID_TEXT_LEN || !hs_owns_tablet(shard, req->tablet)) {
        hs_answer(shard, req,
                  err_fail(&req->detail, ERR_NOT_OWNER, "the workflow is of another shard"),
                  SLICE_EMPTY, 0);
        return;
    }
    decide(shard, req);
}

void hs_start_workflow(struct history_shard *shard, struct hs_request *req)
{
    begin(shard, req, &(struct start){.request = req->message});
}

void hs_signal_with_start(struct history_shard *shard, struct hs_request *req)
{
    begin(shard, req,
          &(struct start){.request = signal_with_start_start(&req->arena, req->message),
                          .signal = signal_with_start_signal(&req->arena, req->message)});
}
