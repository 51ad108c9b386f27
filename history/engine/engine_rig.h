/* engine_rig.h - drives one run through a scenario on a fake clock; for the engine's tests.
 *
 * A scenario is a script of words. After every step the rig applies the step's rows to a memory
 * store, loads the run anew and compares the two; it rebuilds the run from its history and
 * compares again. So each scenario also checks that state equals its stored form and its rebuild.
 *
 *   start[:delay=5,run=60,...]     a new run; seconds (memo=1: with a memo)
 *   poll, spoll                    a workflow task starts, from the normal or a sticky queue
 *   done:cmd,cmd...                the task is completed; sdone: with sticky attributes;
 *                                  ndone: wants the next task inline; hdone: a heartbeat, too;
 *                                  bdone: by a worker whose binary is marked as bad
 *     act=ID  timer=ID/SEC  mark=NAME  untimer=ID  unact=EVENT  complete  fail  cancel  can  nomark
 *     attr=NAME  unattr=NAME  badattr        search attributes set, unset, unknown
 *   wfail[=CAUSE]                  the worker fails the task, a WORKFLOW_TASK_FAILED_CAUSE_ by
 * number again                          the last answer once more;  old: the token before the last
 *   signal=NAME[/REQUEST]  stop  term  nosticky  resetsticky
 *   unstart, oldunstart            the last start (the one before) reached nobody
 *   apoll  adone  afail            activities, oldest task first
 *   answer, closed, xsignal, ...   other executions: see engine_rig_effects.h
 *   upd, reapply                   updates: see engine_rig_updates.h
 *   apause, wpause, ...            operations: see engine_rig_operations.h
 *   reset                          to an event: see engine_rig_reset.h
 *   wait=SEC                       the clock moves on, stopping at every deadline
 *   whatever rig->more knows       words of one test
 *   a word ends with !CODE         the caller gets that error: !NOT_FOUND
 */
#ifndef GNOMON_ENGINE_RIG_H
#define GNOMON_ENGINE_RIG_H

#include "history/engine/engine_rig_fixture.h"

/* -- steps ----------------------------------------------------------------------------------- */

static pb_duration *rig_seconds(struct rig *rig, int64_t seconds)
{
    pb_duration *d = engine_message(&rig->arena, &pb_duration__desc);

    d->seconds = seconds;
    return d;
}

static int64_t rig_option(const char *args, const char *name)
{
    const char *at = args ? strstr(args, name) : NULL;

    return at ? strtoll(at + strlen(name), NULL, 10) : 0;
}

/* Intervals of 1, 2, 4, 5, 5 ... seconds; "Fatal" and heartbeats are not tried again. */
static api_retry_policy *rig_retry_policy(struct rig *rig, int32_t attempts)
{
    static char fatal[] = "Fatal", *types[] = {fatal};
    api_retry_policy *policy = engine_message(&rig->arena, &api_retry_policy__desc);

    policy->maximum_attempts = attempts;
    policy->initial_interval = rig_seconds(rig, 1);
    policy->maximum_interval = rig_seconds(rig, 5);
    policy->non_retryable_error_types = types;
    policy->n_non_retryable_error_types = COUNT_OF(types);
    return policy;
}

/* "Type", or "delay/7": the worker wants the next attempt in 7 s. */
static api_failure_failure *rig_app_failure(struct rig *rig, char *arg)
{
    api_failure_failure *failure = engine_message(&rig->arena, &api_failure_failure__desc);

    if (!arg)
        return failure;
    failure->failure_info_case = API_FAILURE_FAILURE_INFO_APPLICATION_FAILURE_INFO;
    failure->application_failure_info =
        engine_message(&rig->arena, &api_application_failure_info__desc);
    failure->application_failure_info->type = arg;
    if (strncmp(arg, "delay/", 6) == 0)
        failure->application_failure_info->next_retry_delay =
            rig_seconds(rig, strtoll(arg + 6, NULL, 10));
    return failure;
}

static api_start_workflow_execution_request *rig_start_request(struct rig *rig, const char *args)
{
    api_start_workflow_execution_request *r =
        engine_message(&rig->arena, &api_start_workflow_execution_request__desc);
    static char id[] = "wf", type[] = "Type", queue[] = "q", request[] = "req-1", me[] = "client";

    r->workflow_id = id;
    r->request_id = request;
    r->identity = me;
    r->workflow_type = engine_message(&rig->arena, &api_workflow_type__desc);
    r->workflow_type->name = type;
    r->task_queue = engine_message(&rig->arena, &api_task_queue__desc);
    r->task_queue->name = queue;
    if (rig_option(args, "delay="))
        r->workflow_start_delay = rig_seconds(rig, rig_option(args, "delay="));
    if (rig_option(args, "run="))
        r->workflow_run_timeout = rig_seconds(rig, rig_option(args, "run="));
    if (rig_option(args, "exec="))
        r->workflow_execution_timeout = rig_seconds(rig, rig_option(args, "exec="));
    if (rig_option(args, "task="))
        r->workflow_task_timeout = rig_seconds(rig, rig_option(args, "task="));
    if (rig_option(args, "retry="))
        r->retry_policy = rig_retry_policy(rig, (int32_t)rig_option(args, "retry="));
    r->request_eager_execution = rig_option(args, "eager=") != 0;
    if (rig_option(args, "every="))
        r->cron_schedule = arena_printf(&rig->arena, "@every %ds", (int)rig_option(args, "every="));
    r->input = engine_payloads_of_text(&rig->arena, "hello");
    r->memo = engine_message(&rig->arena, &api_memo__desc);
    if (rig_option(args, "memo=")) {
        r->memo->n_fields = 1;
        r->memo->fields = ARENA_ARRAY(&rig->arena, api_memo_fields_entry *, 1);
        r->memo->fields[0] = engine_message(&rig->arena, &api_memo_fields_entry__desc);
        r->memo->fields[0]->value = r->input->payloads[0];
    }
    r->user_metadata = engine_message(&rig->arena, &api_user_metadata__desc);
    if (!rig_option(args, "nosummary="))
        r->user_metadata->summary = r->input->payloads[0];
    return r;
}

static void rig_start(struct rig *rig, const char *word, const char *args)
{
    struct transition t;
    char run_id[UUID_TEXT_LEN + 1];

    uuid_v7(&rig->rng, rig->now_ns / NS_PER_MS, run_id);
    rig->run = run_new();
    rig_begin(rig, &t);
    const struct rpc_effect parent = rig_effect(rig, EFFECT_START_CHILD);
    const struct engine_start start = {.request = rig_start_request(rig, args),
                                       .namespace_id = SLICE_LIT(RIG_NAMESPACE),
                                       .namespace_name = SLICE_LIT("default"),
                                       .retention_s = 86400,
                                       .run_id = run_id,
                                       .parent = rig_option(args, "parent=") ? &parent : NULL};
    rig_end(rig, &t, word, engine_start(&t, &start));
}

/* The oldest dispatchable task of a kind; NULL: none. */
static const struct task_change *rig_task(const struct rig *rig, enum rpc_task_kind kind)
{
    for (size_t i = 0; i < rig->task_count; i++)
        if (rig->tasks[i].kind == kind)
            return &rig->tasks[i];
    return NULL;
}

static void rig_task_of(struct rig *rig, const struct task_change *change, struct rpc_task *task,
                        struct rpc_poll *poll)
{
    static const struct task_change none = {.row_seq = 999999, .kind = TASK_WORKFLOW};

    if (!change)
        change = &none;
    *task = (struct rpc_task){.kind = change->kind,
                              .sticky = change->sticky,
                              .row_seq = change->row_seq,
                              .namespace_id = SLICE_LIT(RIG_NAMESPACE),
                              .task_queue = change->task_queue,
                              .workflow_id = rig->run->workflow_id,
                              .run_id = slice_str(rig->run->run_id),
                              .scheduled_event_id = change->scheduled_event_id,
                              .attempt = change->attempt,
                              .priority = change->priority};
    *poll = (struct rpc_poll){.kind = change->kind,
                              .namespace_id = SLICE_LIT(RIG_NAMESPACE),
                              .namespace_name = SLICE_LIT("default"),
                              .task_queue = change->task_queue,
                              .poll_id = ++rig->poll_id,
                              .identity = SLICE_LIT("worker")};
}

static void rig_poll(struct rig *rig, const char *word, bool sticky, bool repeat)
{
    struct transition t;
    struct rpc_task task;
    struct rpc_poll poll;
    api_poll_workflow_task_queue_request *request =
        engine_message(&rig->arena, &api_poll_workflow_task_queue_request__desc);

    rig_task_of(rig, rig_task(rig, TASK_WORKFLOW), &task, &poll);
    if (repeat)
        poll.poll_id = --rig->poll_id;
    poll.sticky = sticky;
    poll.task_queue = sticky ? SLICE_LIT(RIG_STICKY) : SLICE_LIT("q");
    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_start_workflow_task(&t, &task, &poll, request));
}

#include "history/engine/engine_rig_updates.h"

/* A search attribute with its name as its value; "[]" unsets it. */
static api_search_attributes *rig_attribute(struct arena *a, char *name, bool set)
{
    static char unset[] = "[]";
    typedef api_search_attributes_indexed_fields_entry entry;
    api_search_attributes *attributes = engine_message(a, &api_search_attributes__desc);
    entry *field = engine_message(a, &api_search_attributes_indexed_fields_entry__desc);
    char *json = set ? arena_printf(a, "[\"%s\"]", name) : unset;

    field->key = name;
    field->value = engine_payloads_of_text(a, "")->payloads[0]; /* JSON, by its metadata */
    field->value->data = (ProtobufCBinaryData){strlen(json), (uint8_t *)json};
    attributes->n_indexed_fields = 1;
    attributes->indexed_fields = ARENA_ARRAY(a, entry *, 1);
    attributes->indexed_fields[0] = field;
    return attributes;
}

static api_command *rig_command(struct rig *rig, const char *text)
{
    struct arena *a = &rig->arena;
    api_command *c = engine_message(a, &api_command__desc);
    const char *value = strchr(text, '=');
    char *arg = value ? arena_str(a, slice_str(value + 1)) : NULL;
    const size_t len = value ? (size_t)(value - text) : strlen(text);

#define RIG_CASE(word) (len == sizeof(word) - 1 && memcmp(text, word, len) == 0)
#define RIG_ATTRS(TYPE, member)                                                                    \
    (c->command_type = COMMAND_TYPE_##TYPE,                                                        \
     c->attributes_case =                                                                          \
         TEMPORAL__API__COMMAND__V1__COMMAND__ATTRIBUTES_##TYPE##_COMMAND_ATTRIBUTES,              \
     c->member##_command_attributes = engine_message(a, &api_##member##_command_attributes__desc))
    if (rig_effect_command(rig, c, slice_of(text, len), arg))
        return c;
    if (RIG_CASE("act")) {
        RIG_ATTRS(SCHEDULE_ACTIVITY_TASK, schedule_activity_task);
        static char type[] = "Act", queue[] = "q";
        api_schedule_activity_task_command_attributes *s =
            c->schedule_activity_task_command_attributes;
        s->activity_id = arg;
        s->activity_type = engine_message(a, &api_activity_type__desc);
        s->activity_type->name = type;
        s->task_queue = engine_message(a, &api_task_queue__desc);
        s->task_queue->name = queue;
        s->start_to_close_timeout = rig_seconds(rig, 30);
        s->input = engine_payloads_of_text(a, "in");
    } else if (RIG_CASE("timer")) {
        RIG_ATTRS(START_TIMER, start_timer);
        char *slash = strchr(arg, '/');
        must(slash != NULL);
        *slash = '\0';
        c->start_timer_command_attributes->timer_id = arg;
        c->start_timer_command_attributes->start_to_fire_timeout =
            rig_seconds(rig, strtoll(slash + 1, NULL, 10));
    } else if (RIG_CASE("untimer")) {
        RIG_ATTRS(CANCEL_TIMER, cancel_timer)->timer_id = arg;
    } else if (RIG_CASE("unact")) {
        RIG_ATTRS(REQUEST_CANCEL_ACTIVITY_TASK, request_cancel_activity_task)->scheduled_event_id =
            strtoll(arg, NULL, 10);
    } else if (RIG_CASE("mark")) {
        RIG_ATTRS(RECORD_MARKER, record_marker)->marker_name = arg;
    } else if (RIG_CASE("attr") || RIG_CASE("unattr")) {
        RIG_ATTRS(UPSERT_WORKFLOW_SEARCH_ATTRIBUTES, upsert_workflow_search_attributes)
            ->search_attributes = rig_attribute(a, arg, text[0] == 'a');
    } else if (RIG_CASE("badattr")) {
        static char unknown[] = "Nobody";
        RIG_ATTRS(UPSERT_WORKFLOW_SEARCH_ATTRIBUTES, upsert_workflow_search_attributes)
            ->search_attributes = rig_attribute(a, unknown, true);
    } else if (RIG_CASE("nomark")) {
        RIG_ATTRS(RECORD_MARKER, record_marker);
    } else if (RIG_CASE("complete")) {
        RIG_ATTRS(COMPLETE_WORKFLOW_EXECUTION, complete_workflow_execution)->result =
            engine_payloads_of_text(a, "out");
    } else if (RIG_CASE("fail")) {
        RIG_ATTRS(FAIL_WORKFLOW_EXECUTION, fail_workflow_execution)->failure =
            rig_app_failure(rig, arg);
    } else if (RIG_CASE("cancel")) {
        RIG_ATTRS(CANCEL_WORKFLOW_EXECUTION, cancel_workflow_execution);
    } else {
        must(RIG_CASE("can") || RIG_CASE("badcan"));
        api_continue_as_new_workflow_execution_command_attributes *n =
            RIG_ATTRS(CONTINUE_AS_NEW_WORKFLOW_EXECUTION, continue_as_new_workflow_execution);
        if (text[0] == 'b')
            n->workflow_run_timeout = rig_seconds(rig, -1);
        n->input = engine_payloads_of_text(a, "state");
        if (arg)
            n->backoff_start_interval = rig_seconds(rig, strtoll(arg, NULL, 10));
    }
#undef RIG_CASE
#undef RIG_ATTRS
    return c;
}

static void rig_commands(struct rig *rig, api_respond_workflow_task_completed_request *request,
                         const char *args)
{
    request->commands = ARENA_ARRAY(&rig->arena, api_command *, 256);
    char *list = arena_str(&rig->arena, slice_str(args)), *save = NULL;

    for (char *it = strtok_r(list, ",", &save); it; it = strtok_r(NULL, ",", &save)) {
        must(request->n_commands < 256);
        if (rig_update_message(rig, request, it))
            continue;
        request->commands[request->n_commands++] = rig_command(rig, it);
    }
}

static void rig_done(struct rig *rig, const char *word, char kind, const char *args,
                     struct task_token token)
{
    struct transition t;
    api_respond_workflow_task_completed_request *request =
        engine_message(&rig->arena, &api_respond_workflow_task_completed_request__desc);
    static char worker[] = "worker", sticky[] = RIG_STICKY;

    request->identity = worker;
    if (kind == 's' || kind == 'h') {
        request->sticky_attributes =
            engine_message(&rig->arena, &api_sticky_execution_attributes__desc);
        request->sticky_attributes->worker_task_queue =
            engine_message(&rig->arena, &api_task_queue__desc);
        request->sticky_attributes->worker_task_queue->name = sticky;
        request->sticky_attributes->schedule_to_start_timeout = rig_seconds(rig, 5);
    }
    request->return_new_workflow_task = kind == 'n' || kind == 'h';
    request->force_create_new_workflow_task = kind == 'h';
    if (args)
        rig_commands(rig, request, args);
    rig_begin(rig, &t);
    t.bad_binary = kind == 'b';
    rig_end(rig, &t, word, engine_respond_workflow_task_completed(&t, &token, request));
    rig->answered = token;
}

static void rig_wfail(struct rig *rig, const char *word, const char *cause)
{
    struct transition t;
    api_respond_workflow_task_failed_request *request =
        engine_message(&rig->arena, &api_respond_workflow_task_failed_request__desc);

    request->cause =
        cause ? (Temporal__Api__Enums__V1__WorkflowTaskFailedCause)strtol(cause, NULL, 10)
              : WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE;
    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_respond_workflow_task_failed(&t, &rig->tokens[0], request));
}

static void rig_signal(struct rig *rig, const char *word, const char *arg)
{
    struct transition t;
    api_signal_workflow_execution_request *request =
        engine_message(&rig->arena, &api_signal_workflow_execution_request__desc);

    request->signal_name = arena_str(&rig->arena, slice_str(arg));
    char *slash = strchr(request->signal_name, '/');
    if (slash) {
        *slash = '\0';
        request->request_id = slash + 1;
    }
    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_signal(&t, request));
}

static void rig_cancel(struct rig *rig, const char *word)
{
    struct transition t;
    api_request_cancel_workflow_execution_request *request =
        engine_message(&rig->arena, &api_request_cancel_workflow_execution_request__desc);

    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_request_cancel(&t, request));
}

static void rig_terminate(struct rig *rig, const char *word)
{
    struct transition t;
    api_terminate_workflow_execution_request *request =
        engine_message(&rig->arena, &api_terminate_workflow_execution_request__desc);

    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_terminate(&t, request));
}

static void rig_no_sticky(struct rig *rig, const char *word, bool reset)
{
    struct transition t;
    struct rpc_task task;
    struct rpc_poll poll;

    rig_task_of(rig, rig_task(rig, TASK_WORKFLOW), &task, &poll);
    rig_begin(rig, &t);
    rig_end(rig, &t, word, reset ? engine_reset_sticky(&t) : engine_no_sticky_poller(&t, &task));
}

static void rig_unstart(struct rig *rig, const char *word, const struct task_token *token)
{
    struct transition t;

    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_unstart_workflow_task(&t, token));
}

static void rig_activity_poll(struct rig *rig, const char *word)
{
    struct transition t;
    struct rpc_task task;
    struct rpc_poll poll;

    rig_task_of(rig, rig_task(rig, TASK_ACTIVITY), &task, &poll);
    rig_begin(rig, &t);
    const enum err err = engine_start_activity_task(&t, &task, &poll);
    if (t.started_activity) {
        const ProtobufCBinaryData bytes = t.started_activity->task_token;
        check_ok(
            task_token_decode(&rig->arena, slice_of(bytes.data, bytes.len), &rig->activity_token));
    }
    rig_end(rig, &t, word, err);
}

static void rig_activity_done(struct rig *rig, const char *word)
{
    struct transition t;
    api_respond_activity_task_completed_request *request =
        engine_message(&rig->arena, &api_respond_activity_task_completed_request__desc);

    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_respond_activity_completed(&t, &rig->activity_token, request));
}

static void rig_activity_failed(struct rig *rig, const char *word)
{
    struct transition t;
    api_respond_activity_task_failed_request *request =
        engine_message(&rig->arena, &api_respond_activity_task_failed_request__desc);

    request->failure = engine_message(&rig->arena, &api_failure_failure__desc);
    rig_begin(rig, &t);
    rig_end(rig, &t, word, engine_respond_activity_failed(&t, &rig->activity_token, request));
}

/* What its row says, or earlier, what only its memory knows. */
static int64_t rig_due_ns(const struct rig *rig)
{
    const int64_t row = rig->run->deadline_row_ns, memory = engine_deadline_ns(rig->run);

    return memory != 0 && (row == 0 || memory < row) ? memory : row;
}

static void rig_wait(struct rig *rig, const char *word, int64_t seconds)
{
    const int64_t until_ns = rig->now_ns + seconds * NS_PER_S;

    for (int i = 0; rig_due_ns(rig) != 0 && rig_due_ns(rig) <= until_ns; i++) {
        struct transition t;
        must(i < 1000);
        if (rig_due_ns(rig) > rig->now_ns)
            rig->now_ns = rig_due_ns(rig);
        rig_begin(rig, &t);
        rig_end(rig, &t, word, engine_fire(&t));
        if (rig_due_ns(rig) != 0 && rig_due_ns(rig) <= rig->now_ns) {
            rig_failed(rig, word, "a deadline that firing does not settle", "");
            break;
        }
    }
    rig->now_ns = until_ns;
}

/* -- the script ------------------------------------------------------------------------------ */

#include "history/engine/engine_rig_reset.h"

static void rig_step(struct rig *rig, const char *word, const char *verb, const char *args)
{
    static const char *const done[] = {"done", "sdone", "ndone", "hdone", "bdone", "again", "old"};

    for (size_t i = 0; i < COUNT_OF(done); i++)
        if (strcmp(verb, done[i]) == 0) {
            rig_done(rig, word, i < 5 ? verb[0] : 'd', args,
                     i == 5   ? rig->answered
                     : i == 6 ? rig->tokens[1]
                              : rig->tokens[0]);
            return;
        }
    if (rig_effect_step(rig, word, verb, args) || rig_operation_step(rig, word, verb, args) ||
        (rig->more && rig->more(rig, word, verb, args)))
        return;
    if (strcmp(verb, "upd") == 0) {
        rig_update(rig, word, args);
        return;
    }
    if (strcmp(verb, "crash") == 0) {
        rig_crash(rig, word);
        return;
    }
    if (strcmp(verb, "reset") == 0) {
        rig_reset_to(rig, word, args);
        return;
    }
    if (strcmp(verb, "reapply") == 0) {
        rig_reapply(rig, word, args);
        return;
    }
    if (strcmp(verb, "start") == 0)
        rig_start(rig, word, args);
    else if (strcmp(verb, "poll") == 0 || strcmp(verb, "spoll") == 0)
        rig_poll(rig, word, verb[0] == 's', false);
    else if (strcmp(verb, "repoll") == 0)
        rig_poll(rig, word, false, true);
    else if (strcmp(verb, "wfail") == 0)
        rig_wfail(rig, word, args);
    else if (strcmp(verb, "signal") == 0)
        rig_signal(rig, word, args);
    else if (strcmp(verb, "stop") == 0)
        rig_cancel(rig, word);
    else if (strcmp(verb, "term") == 0)
        rig_terminate(rig, word);
    else if (strcmp(verb, "nosticky") == 0 || strcmp(verb, "resetsticky") == 0)
        rig_no_sticky(rig, word, verb[0] == 'r');
    else if (strcmp(verb, "unstart") == 0)
        rig_unstart(rig, word, &rig->tokens[0]);
    else if (strcmp(verb, "oldunstart") == 0)
        rig_unstart(rig, word, &rig->tokens[1]);
    else if (strcmp(verb, "apoll") == 0)
        rig_activity_poll(rig, word);
    else if (strcmp(verb, "adone") == 0)
        rig_activity_done(rig, word);
    else if (strcmp(verb, "afail") == 0)
        rig_activity_failed(rig, word);
    else if (strcmp(verb, "wait") == 0)
        rig_wait(rig, word, strtoll(args, NULL, 10));
    else
        rig_failed(rig, word, "unknown word", "");
}

static void rig_run(struct rig *rig, const char *script)
{
    char *copy = arena_str(&rig->arena, slice_str(script)), *save = NULL;

    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *verb = arena_str(&rig->arena, slice_str(word));
        char *bang = strchr(verb, '!');
        const char *want = "OK";
        if (bang) {
            *bang = '\0';
            want = bang + 1;
        }
        char *args = strpbrk(verb, ":=");
        if (args)
            *args++ = '\0';
        rig->err = ERR_OK;
        rig_step(rig, word, verb, args);
        if (strcmp(err_name(rig->err), want) != 0)
            rig_failed(rig, word, err_name(rig->err), rig->detail.text);
    }
}

/* The history as one line: "WorkflowExecutionStarted ..." with the usual words cut short. */
__attribute__((unused)) static const char *rig_history(struct rig *rig)
{
    size_t count;
    api_history_event **events =
        engine_decode_events(&rig->arena, buf_slice(&rig->history), &count);
    static const struct {
        const char *prefix, *brief;
    } briefs[] = {{"EVENT_TYPE_WORKFLOW_EXECUTION_", ""},
                  {"EVENT_TYPE_WORKFLOW_TASK_", "WFT"},
                  {"EVENT_TYPE_ACTIVITY_TASK_", "Activity"},
                  {"EVENT_TYPE_", ""}};
    const char *line = "";

    must(events != NULL);
    for (size_t i = 0; i < count; i++) {
        const char *full =
            protobuf_c_enum_descriptor_get_value(&temporal__api__enums__v1__event_type__descriptor,
                                                 (int)events[i]->event_type)
                ->name;
        size_t b = 0;
        while (strncmp(full, briefs[b].prefix, strlen(briefs[b].prefix)) != 0)
            b++;
        line = arena_printf(&rig->arena, "%s%s%s%s", line, i ? " " : "", briefs[b].brief,
                            engine_enum_name(&rig->arena,
                                             &temporal__api__enums__v1__event_type__descriptor,
                                             briefs[b].prefix, (int32_t)events[i]->event_type));
    }
    return line;
}

#endif
