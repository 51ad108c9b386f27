/* updates_test.c - who waits for an update: when they are answered, with what, and what they hear
 * when it is lost. By hand, as in shard_test.c; the test plays worker and clients. */
#include "history/shard/shard_fixture.h"

#include "common/store/fault/store_fault.h"

#include <stdlib.h>

#define DIR_NAME "history-updates-test"

enum {
    UNSPECIFIED = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_UNSPECIFIED,
    ADMITTED = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED,
    ACCEPTED = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED,
    COMPLETED = UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED,
    WAITERS_MAX = 1000,
};

/* -- clients ---------------------------------------------------------------------------------- */

static api_wait_policy *policy(struct world *w, int32_t stage)
{
    api_wait_policy *p = ARENA_NEW(&w->arena, api_wait_policy);

    *p = (api_wait_policy)API_WAIT_POLICY_INIT;
    p->lifecycle_stage = (Temporal__Api__Enums__V1__UpdateWorkflowExecutionLifecycleStage)stage;
    return p;
}

static api_update_workflow_execution_request *
update_request(struct world *w, const char *workflow_id, const char *id, int32_t stage)
{
    api_update_workflow_execution_request *r =
        ARENA_NEW(&w->arena, api_update_workflow_execution_request);
    api_update_request *asked = ARENA_NEW(&w->arena, api_update_request);
    api_meta *meta = ARENA_NEW(&w->arena, api_meta);
    api_input *input = ARENA_NEW(&w->arena, api_input);

    *r = (api_update_workflow_execution_request)API_UPDATE_WORKFLOW_EXECUTION_REQUEST_INIT;
    *asked = (api_update_request)API_UPDATE_REQUEST_INIT;
    *meta = (api_meta)API_META_INIT;
    *input = (api_input)API_INPUT_INIT;
    meta->update_id = world_str(w, id);
    input->name = world_str(w, "up");
    asked->meta = meta;
    asked->input = input;
    r->workflow_execution = world_execution(w, workflow_id);
    r->wait_policy = policy(w, stage);
    r->request = asked;
    return r;
}

static uint64_t update_within(struct world *w, const char *workflow_id, const char *id,
                              int32_t stage, int64_t timeout_ns)
{
    const uint64_t call = world_call(
        w, METHOD_HISTORY_UPDATE_WORKFLOW,
        world_api_body(w, update_request(w, workflow_id, id, stage), SLICE_EMPTY), timeout_ns);

    world_settle(w);
    return call;
}

static uint64_t update(struct world *w, const char *workflow_id, const char *id, int32_t stage)
{
    return update_within(w, workflow_id, id, stage, 60 * NS_PER_S);
}

static uint64_t poll_update(struct world *w, const char *workflow_id, const char *id, int32_t stage)
{
    api_poll_workflow_execution_update_request r = API_POLL_WORKFLOW_EXECUTION_UPDATE_REQUEST_INIT;
    api_update_ref ref = API_UPDATE_REF_INIT;

    ref.workflow_execution = world_execution(w, workflow_id);
    ref.update_id = world_str(w, id);
    r.update_ref = &ref;
    r.wait_policy = policy(w, stage);
    const uint64_t call = world_call(w, METHOD_HISTORY_POLL_UPDATE,
                                     world_api_body(w, &r, SLICE_EMPTY), 60 * NS_PER_S);
    world_settle(w);
    return call;
}

/* What an outcome says, as a word. */
static const char *outcome_word(const api_outcome *outcome)
{
    if (!outcome)
        return "none";
    if (outcome->value_case == TEMPORAL__API__UPDATE__V1__OUTCOME__VALUE_SUCCESS)
        return "ok";
    return outcome->failure->message;
}

static void check_answer(struct world *w, uint64_t call, int32_t stage, const char *word)
{
    const api_update_workflow_execution_response *response =
        world_answer(w, call, &api_update_workflow_execution_response__desc);

    check_i64(response->stage, stage);
    check_str(outcome_word(response->outcome), word);
    must(response->update_ref && response->update_ref->workflow_execution);
    check(response->update_ref->workflow_execution->run_id[0] != '\0');
    check((response->link != NULL) == (stage >= ACCEPTED));
}

static void check_polled(struct world *w, uint64_t call, int32_t stage, const char *word)
{
    const api_poll_workflow_execution_update_response *response =
        world_answer(w, call, &api_poll_workflow_execution_update_response__desc);

    check_i64(response->stage, stage);
    check_str(outcome_word(response->outcome), word);
}

static void check_refused(struct world *w, uint64_t call, enum err err, const char *text)
{
    const struct sent *reply = world_got(w, call);

    check_err(reply->err, err);
    check_str(reply->text, text);
}

/* -- the worker ------------------------------------------------------------------------------- */

static api_message *message_of(struct world *w, const char *id, const char *type, const void *body)
{
    api_message *message = ARENA_NEW(&w->arena, api_message);
    pb_any *any = ARENA_NEW(&w->arena, pb_any);
    const struct slice bytes = proto_encode(&w->arena, body);

    *message = (api_message)API_MESSAGE_INIT;
    *any = (pb_any)PB_ANY_INIT;
    any->type_url = arena_printf(&w->arena, "type.googleapis.com/temporal.api.update.v1.%s", type);
    any->value.data = (uint8_t *)(uintptr_t)bytes.ptr;
    any->value.len = bytes.len;
    message->id = arena_printf(&w->arena, "%s/%s", id, type);
    message->protocol_instance_id = world_str(w, id);
    message->body = any;
    return message;
}

static api_message *accept_message(struct world *w, const char *id)
{
    api_acceptance body = API_ACCEPTANCE_INIT;

    body.accepted_request_message_id = arena_printf(&w->arena, "%s/request", id);
    body.accepted_request_sequencing_event_id = 2;
    return message_of(w, id, "Acceptance", &body);
}

static api_message *reject_message(struct world *w, const char *id)
{
    api_rejection body = API_REJECTION_INIT;
    api_failure_failure failure = API_FAILURE_FAILURE_INIT;

    failure.message = world_str(w, "no");
    body.failure = &failure;
    body.rejected_request_message_id = arena_printf(&w->arena, "%s/request", id);
    return message_of(w, id, "Rejection", &body);
}

static api_message *done_message(struct world *w, const char *id)
{
    api_update_response body = API_UPDATE_RESPONSE_INIT;
    api_outcome outcome = API_OUTCOME_INIT;
    api_payloads payloads = API_PAYLOADS_INIT;
    api_meta meta = API_META_INIT;

    meta.update_id = world_str(w, id);
    outcome.value_case = TEMPORAL__API__UPDATE__V1__OUTCOME__VALUE_SUCCESS;
    outcome.success = &payloads;
    body.meta = &meta;
    body.outcome = &outcome;
    return message_of(w, id, "Response", &body);
}

/* Words: "ok=ID" accepts, "no=ID" rejects, "end=ID" completes. */
static api_message *message_of_word(struct world *w, const char *word)
{
    if (strncmp(word, "ok=", 3) == 0)
        return accept_message(w, word + 3);
    if (strncmp(word, "no=", 3) == 0)
        return reject_message(w, word + 3);
    must(strncmp(word, "end=", 4) == 0);
    return done_message(w, word + 4);
}

/* Answer a workflow task with messages and perhaps a command; nothing is settled. */
static uint64_t answer_now(struct world *w, struct slice token, const char *const *words,
                           size_t count, api_command *command)
{
    api_respond_workflow_task_completed_request *request = world_completion(w, command);

    request->messages = ARENA_ARRAY(&w->arena, api_message *, count + 1);
    for (size_t i = 0; i < count; i++)
        request->messages[request->n_messages++] = message_of_word(w, words[i]);
    return world_call(w, METHOD_HISTORY_RESPOND_WORKFLOW_TASK_COMPLETED,
                      world_api_body(w, request, token), 10 * NS_PER_S);
}

#define ANSWER(w, token, command, ...)                                                             \
    do {                                                                                           \
        static const char *const words[] = {__VA_ARGS__};                                          \
        const uint64_t answered = answer_now(w, token, words, COUNT_OF(words), command);           \
        world_settle(w);                                                                           \
        check_err(world_got(w, answered)->err, ERR_OK);                                            \
    } while (0)

/* A workflow whose first task is done; the next update finds it idle. */
static void idle(struct world *w, const char *workflow_id)
{
    world_start(w, workflow_id);
    world_complete(w, world_token(world_poll_workflow(w)), NULL);
}

static const api_poll_workflow_task_queue_response *poll_with(struct world *w, size_t messages)
{
    const api_poll_workflow_task_queue_response *task = world_poll_workflow(w);

    check_i64(task->n_messages, (int64_t)messages);
    return task;
}

static void signal_run(struct world *w, const char *workflow_id)
{
    api_signal_workflow_execution_request signal = API_SIGNAL_WORKFLOW_EXECUTION_REQUEST_INIT;

    signal.workflow_execution = world_execution(w, workflow_id);
    signal.signal_name = world_str(w, "go");
    world_api(w, METHOD_HISTORY_SIGNAL_WORKFLOW, &signal, SLICE_EMPTY);
}

/* -- answers ---------------------------------------------------------------------------------- */

TEST(test_updates_each_waits_for_its_stage)
{
    WITH_WORLD(w);
    idle(w, "wf");
    const uint64_t accepted = update(w, "wf", "u", ACCEPTED);
    const uint64_t completed = update(w, "wf", "u", COMPLETED);
    const uint64_t polled = poll_update(w, "wf", "u", COMPLETED);

    check(world_reply(w, accepted) == NULL);
    check_polled(w, poll_update(w, "wf", "u", UNSPECIFIED), ADMITTED, "none");
    check_str(world_history(w, "wf", 100), "1 5 6 7 5"); /* the last one is shown, not written */

    const api_poll_workflow_task_queue_response *task = poll_with(w, 1);
    check(world_reply(w, accepted) == NULL);
    ANSWER(w, world_token(task), NULL, "ok=u");
    check_answer(w, accepted, ACCEPTED, "none");
    check(world_reply(w, completed) == NULL && world_reply(w, polled) == NULL);
    check_polled(w, poll_update(w, "wf", "u", UNSPECIFIED), ACCEPTED, "none");

    signal_run(w, "wf");
    ANSWER(w, world_token(poll_with(w, 0)), NULL, "end=u");
    check_answer(w, completed, COMPLETED, "ok");
    check_polled(w, polled, COMPLETED, "ok");
    /* Afterwards the outcome comes from the history, and from rows after a crash. */
    check_answer(w, update(w, "wf", "u", COMPLETED), COMPLETED, "ok");
    world_reopen(w, false);
    check_answer(w, update(w, "wf", "u", ACCEPTED), COMPLETED, "ok");
    check_polled(w, poll_update(w, "wf", "u", COMPLETED), COMPLETED, "ok");
    END_WORLD(w);
}

TEST(test_updates_wait_for_no_stage_that_there_is_not)
{
    WITH_WORLD(w);
    idle(w, "wf");
    check_answer(w, update(w, "wf", "u", COMPLETED + 1), ADMITTED, "none");
    check_polled(w, poll_update(w, "wf", "u", COMPLETED + 1), ADMITTED, "none");
    check_answer(w, update(w, "wf", "v", -1), ADMITTED, "none");
    ANSWER(w, world_token(poll_with(w, 2)), NULL, "ok=u", "end=u", "ok=v");
    check_answer(w, update(w, "wf", "u", -1), COMPLETED, "ok");
    check_polled(w, poll_update(w, "wf", "v", -1), ACCEPTED, "none");
    END_WORLD(w);
}

TEST(test_updates_rejected_leave_nothing)
{
    WITH_WORLD(w);
    idle(w, "wf");
    const uint64_t first = update(w, "wf", "u", ACCEPTED);
    ANSWER(w, world_token(poll_with(w, 1)), NULL, "no=u");
    check_answer(w, first, COMPLETED, "no");
    check_str(world_history(w, "wf", 100), "1 5 6 7");
    check_refused(w, poll_update(w, "wf", "u", COMPLETED), ERR_NOT_FOUND, "update \"u\" not found");
    /* The same id may be asked for again. */
    const uint64_t again = update(w, "wf", "u", COMPLETED);
    ANSWER(w, world_token(poll_with(w, 1)), NULL, "ok=u", "end=u");
    check_answer(w, again, COMPLETED, "ok");
    check_str(world_history(w, "wf", 100), "1 5 6 7 5 6 7 41 43");
    END_WORLD(w);
}

TEST(test_updates_wake_only_whom_they_concern)
{
    WITH_WORLD(w);
    uint64_t calls[100];

    idle(w, "wf");
    const uint64_t other = update(w, "wf", "other", COMPLETED);
    const uint64_t asked = update(w, "wf", "u", COMPLETED);
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        calls[i] = poll_update(w, "wf", "u", COMPLETED);
    ANSWER(w, world_token(poll_with(w, 2)), NULL, "ok=u", "end=u", "ok=other");
    check_answer(w, asked, COMPLETED, "ok");
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        check_polled(w, calls[i], COMPLETED, "ok");
    check(world_reply(w, other) == NULL);
    END_WORLD(w);
}

TEST(test_updates_are_told_when_they_are_durable)
{
    WITH_WORLD(w);
    static const char *const words[] = {"ok=u", "end=u"};

    idle(w, "wf");
    const uint64_t call = update(w, "wf", "u", COMPLETED);
    const uint64_t polled = poll_update(w, "wf", "u", ACCEPTED);
    const struct slice token = world_token(poll_with(w, 1));
    answer_now(w, token, words, COUNT_OF(words), NULL);
    /* Staged, not appended: who comes now sees it, and hears of it as late as the others. */
    const uint64_t late = world_call(
        w, METHOD_HISTORY_UPDATE_WORKFLOW,
        world_api_body(w, update_request(w, "wf", "u", COMPLETED), SLICE_EMPTY), 60 * NS_PER_S);
    check(world_reply(w, call) == NULL && world_reply(w, polled) == NULL);
    check(world_reply(w, late) == NULL);
    world_settle(w);
    check_answer(w, call, COMPLETED, "ok");
    check_polled(w, polled, COMPLETED, "ok");
    check_answer(w, late, COMPLETED, "ok");
    END_WORLD(w);
}

/* -- time, and callers who go ------------------------------------------------------------------ */

TEST(test_updates_answer_the_stage_after_a_while)
{
    WITH_WORLD(w);
    idle(w, "wf");
    const uint64_t call = update(w, "wf", "u", COMPLETED);
    const struct slice token = world_token(poll_with(w, 1));
    ANSWER(w, token, NULL, "ok=u");
    const uint64_t other = update(w, "wf", "admitted", ACCEPTED);
    const uint64_t short_of_time = update_within(w, "wf", "u", COMPLETED, 3 * NS_PER_S);

    world_pass(w, 3 * NS_PER_S);
    check_refused(w, short_of_time, ERR_TIMEOUT, "context deadline exceeded");
    world_pass(w, 17 * NS_PER_S - NS_PER_MS);
    check(world_reply(w, call) == NULL && world_reply(w, other) == NULL);
    world_pass(w, NS_PER_MS);
    check_answer(w, call, ACCEPTED, "none");
    check_answer(w, other, ADMITTED, "none");
    END_WORLD(w);
}

TEST(test_updates_outlive_their_callers)
{
    WITH_WORLD(w);
    idle(w, "wf");
    const uint64_t call = update(w, "wf", "u", COMPLETED);
    history_shard_canceled(w->shard, (struct mesh_addr){5, call});
    ANSWER(w, world_token(poll_with(w, 1)), NULL, "ok=u", "end=u");
    check(world_reply(w, call) == NULL);
    check_polled(w, poll_update(w, "wf", "u", COMPLETED), COMPLETED, "ok");
    END_WORLD(w);
}

TEST(test_updates_have_so_many_waiters)
{
    WITH_WORLD(w);
    idle(w, "wf");
    const uint64_t first = update(w, "wf", "u", COMPLETED);
    for (int i = 1; i < WAITERS_MAX; i++)
        (void)poll_update(w, "wf", "u", COMPLETED);
    const uint64_t last = w->calls;
    check_refused(w, poll_update(w, "wf", "u", COMPLETED), ERR_BUSY,
                  "too many callers wait for updates of the workflow execution (1000)");
    check_polled(w, poll_update(w, "wf", "u", UNSPECIFIED), ADMITTED, "none");
    for (uint64_t call = first + 1; call <= last; call++)
        history_shard_canceled(w->shard, (struct mesh_addr){5, call});
    ANSWER(w, world_token(poll_with(w, 1)), NULL, "ok=u", "end=u");
    check_answer(w, first, COMPLETED, "ok");
    END_WORLD(w);
}

/* -- the end of the run ------------------------------------------------------------------------ */

TEST(test_updates_end_with_their_run)
{
    WITH_WORLD(w);
    idle(w, "wf");
    const uint64_t accepted = update(w, "wf", "accepted", COMPLETED);
    ANSWER(w, world_token(poll_with(w, 1)), NULL, "ok=accepted");
    const uint64_t admitted = update(w, "wf", "admitted", COMPLETED);
    api_terminate_workflow_execution_request end = API_TERMINATE_WORKFLOW_EXECUTION_REQUEST_INIT;

    end.workflow_execution = world_execution(w, "wf");
    world_api(w, METHOD_HISTORY_TERMINATE, &end, SLICE_EMPTY);
    check_answer(w, accepted, COMPLETED,
                 "Workflow Update failed because the Workflow completed before the Update "
                 "completed.");
    check_refused(w, admitted, ERR_NOT_FOUND, "workflow update was aborted by closing workflow");
    check_refused(w, update(w, "wf", "late", COMPLETED), ERR_NOT_FOUND,
                  "workflow execution already completed");
    END_WORLD(w);
}

static api_command *continue_command(struct world *w)
{
    const api_start_workflow_execution_request *start = world_start_request(w, "wf", "none");
    api_command *command = ARENA_NEW(&w->arena, api_command);
    api_continue_as_new_workflow_execution_command_attributes *a =
        ARENA_NEW(&w->arena, api_continue_as_new_workflow_execution_command_attributes);

    *command = (api_command)API_COMMAND_INIT;
    *a = (api_continue_as_new_workflow_execution_command_attributes)
        API_CONTINUE_AS_NEW_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES_INIT;
    a->workflow_type = start->workflow_type;
    a->task_queue = start->task_queue;
    command->command_type = COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION;
    command->attributes_case =
        TEMPORAL__API__COMMAND__V1__COMMAND__ATTRIBUTES_CONTINUE_AS_NEW_WORKFLOW_EXECUTION_COMMAND_ATTRIBUTES;
    command->continue_as_new_workflow_execution_command_attributes = a;
    return command;
}

TEST(test_updates_do_not_go_on_in_the_next_run)
{
    WITH_WORLD(w);
    idle(w, "wf");
    world_pass(w, 5 * NS_PER_S); /* a younger run would go on with a back-off */
    signal_run(w, "wf");
    const api_poll_workflow_task_queue_response *task = poll_with(w, 0);
    const uint64_t unnamed = update(w, "wf", "unnamed", COMPLETED);
    api_update_workflow_execution_request *request = update_request(w, "wf", "named", COMPLETED);

    request->workflow_execution->run_id = task->workflow_execution->run_id;
    const uint64_t named = world_api(w, METHOD_HISTORY_UPDATE_WORKFLOW, request, SLICE_EMPTY);
    const uint64_t closing = answer_now(w, world_token(task), NULL, 0, continue_command(w));
    world_settle(w);
    check_err(world_got(w, closing)->err, ERR_OK);
    check_refused(w, named, ERR_BUSY,
                  "workflow operation can not be applied because workflow is closing");
    check_refused(w, unnamed, ERR_BUSY,
                  "workflow operation can not be applied because workflow is closing");
    (void)poll_with(w, 0);
    END_WORLD(w);
}

/* -- the task that lives in memory --------------------------------------------------------------
 */

TEST(test_updates_task_nobody_takes_becomes_a_normal_one)
{
    WITH_WORLD(w);
    struct rpc_task lost;

    idle(w, "wf");
    const uint64_t call = update(w, "wf", "u", COMPLETED);
    must(world_offer(w, &lost)); /* matching forgets it */
    world_pass(w, 5 * NS_PER_S + NS_PER_MS);
    ANSWER(w, world_token(poll_with(w, 1)), NULL, "ok=u", "end=u");
    check_answer(w, call, COMPLETED, "ok");
    (void)world_start_task(w, &lost, 4711, ERR_STALE);
    END_WORLD(w);
}

TEST(test_updates_task_that_is_not_answered_comes_again)
{
    WITH_WORLD(w);
    idle(w, "wf");
    const uint64_t call = update(w, "wf", "u", COMPLETED);
    (void)poll_with(w, 1);
    world_pass(w, 10 * NS_PER_S + NS_PER_MS); /* its start to close */
    ANSWER(w, world_token(poll_with(w, 1)), NULL, "ok=u", "end=u");
    check_answer(w, call, COMPLETED, "ok");
    END_WORLD(w);
}

TEST(test_updates_task_that_reached_nobody_comes_again)
{
    WITH_WORLD(w);
    struct rpc_task task;

    idle(w, "wf");
    const uint64_t call = update(w, "wf", "u", COMPLETED);
    must(world_offer(w, &task));
    const uint64_t polled = world_start_task(w, &task, 4711, ERR_OK);
    const struct mesh_request back = {.method = METHOD_NOT_DELIVERED,
                                      .body = world_got(w, polled)->back};
    history_shard_request(w->shard, &back);
    world_settle(w);
    check_str(world_history(w, "wf", 100), "1 5 6 7 5");
    ANSWER(w, world_token(poll_with(w, 1)), NULL, "ok=u", "end=u");
    check_answer(w, call, COMPLETED, "ok");
    END_WORLD(w);
}

/* -- loss ----------------------------------------------------------------------------------------
 */

TEST(test_updates_lost_when_the_cache_holds_nothing_else)
{
    enum { RUNS = 40 };
    WITH_WORLD(w);
    uint64_t calls[RUNS];
    uint32_t lost = 0, waiting = 0;

    w->cache_bytes = 64 * 1024;
    world_reopen(w, false);
    idle(w, "accepted");
    const uint64_t accepted = update(w, "accepted", "u", COMPLETED);
    ANSWER(w, world_token(poll_with(w, 1)), NULL, "ok=u");
    for (int i = 0; i < RUNS; i++) {
        const char *id = arena_printf(&w->arena, "wf%d", i);

        idle(w, id);
        calls[i] = update(w, id, "u", COMPLETED);
        (void)world_take(w, METHOD_MATCHING_OFFER_TASKS);
    }
    for (int i = 0; i < RUNS; i++) {
        waiting += world_reply(w, calls[i]) == NULL;
        if (!world_reply(w, calls[i]))
            continue;
        check_refused(w, calls[i], ERR_UNAVAILABLE, "workflow update was aborted");
        lost++;
    }
    check(lost > 0 && waiting > 0);
    check(world_reply(w, accepted) == NULL); /* it stands in the history */
    check_polled(w, poll_update(w, "accepted", "u", UNSPECIFIED), ACCEPTED, "none");
    END_WORLD(w);
}

/* A step that can't be staged throws the run in memory away: the shard asks again by itself. */
TEST(test_updates_lost_with_a_step_are_asked_again)
{
    struct world *w = calloc(1, sizeof *w);
    must(w != NULL);
    store_fault_wipe(DIR_NAME);
    world_init_on(w, "fault", DIR_NAME);
    struct rpc_task lost;

    idle(w, "wf");
    const uint64_t call = update(w, "wf", "u", COMPLETED);
    must(world_offer(w, &lost));
    store_fault_set(
        DIR_NAME,
        &(struct fault_plan){.kind = FAULT_DISK_FULL, .at = 1, .times = 1, .appends_only = true});
    world_api(w, METHOD_HISTORY_START_WORKFLOW, world_start_request(w, "other", "r"), SLICE_EMPTY);
    check(store_fault_hit(DIR_NAME));
    api_signal_workflow_execution_request signal = API_SIGNAL_WORKFLOW_EXECUTION_REQUEST_INIT;
    signal.workflow_execution = world_execution(w, "wf");
    signal.signal_name = world_str(w, "go");
    const uint64_t refused = world_api(w, METHOD_HISTORY_SIGNAL_WORKFLOW, &signal, SLICE_EMPTY);
    check_err(world_got(w, refused)->err, ERR_DISK_FULL);

    check(world_reply(w, call) == NULL);
    (void)world_start_task(w, &lost, 4711, ERR_STALE);
    struct rpc_task task;
    do
        must(world_offer(w, &task)); /* the other one's first task is among them */
    while (!slice_eq(task.workflow_id, SLICE_LIT("wf")));
    const uint64_t polled = world_start_task(w, &task, 4712, ERR_OK);
    const api_poll_workflow_task_queue_response *response =
        world_answer(w, polled, &api_poll_workflow_task_queue_response__desc);
    world_pass(w, NS_PER_S); /* the other one's start is appended again */
    ANSWER(w, world_token(response), NULL, "ok=u", "end=u");
    check_answer(w, call, COMPLETED, "ok");
    END_WORLD(w);
}

TEST(test_updates_lost_with_the_process_are_asked_again)
{
    WITH_WORLD(w);
    struct rpc_task lost;

    idle(w, "wf");
    const uint64_t call = update(w, "wf", "u", COMPLETED);
    must(world_offer(w, &lost));
    world_reopen(w, false);
    check_err(world_got(w, call)->err, ERR_UNAVAILABLE);
    const uint64_t again = update(w, "wf", "u", COMPLETED);
    (void)world_start_task(w, &lost, 4711, ERR_STALE);
    ANSWER(w, world_token(poll_with(w, 1)), NULL, "ok=u", "end=u");
    check_answer(w, again, COMPLETED, "ok");
    END_WORLD(w);
}

TEST(test_updates_waiters_leave_a_shard_that_drains)
{
    WITH_WORLD(w);
    idle(w, "wf");
    const uint64_t call = update(w, "wf", "u", COMPLETED);
    const uint64_t polled = poll_update(w, "wf", "u", COMPLETED);
    history_shard_drain(w->shard);
    check_refused(w, call, ERR_UNAVAILABLE, "workflow update was aborted");
    check_refused(w, polled, ERR_UNAVAILABLE, "workflow update was aborted");
    END_WORLD(w);
}

/* -- with a start ---------------------------------------------------------------------------------
 */

static uint64_t update_with_start(struct world *w, const char *workflow_id, const char *request_id,
                                  const char *id, int32_t conflict)
{
    api_execute_multi_operation_request r = API_EXECUTE_MULTI_OPERATION_REQUEST_INIT;
    api_execute_multi_operation_request_operation
        start = API_EXECUTE_MULTI_OPERATION_REQUEST_OPERATION_INIT,
        update = API_EXECUTE_MULTI_OPERATION_REQUEST_OPERATION_INIT,
        *operations[] = {&start, &update};

    start.operation_case = 1;
    start.start_workflow = world_start_request(w, workflow_id, request_id);
    start.start_workflow->workflow_id_conflict_policy =
        (Temporal__Api__Enums__V1__WorkflowIdConflictPolicy)conflict;
    update.operation_case = 2;
    update.update_workflow = update_request(w, workflow_id, id, COMPLETED);
    r.operations = operations;
    r.n_operations = 2;
    const uint64_t call = world_call(w, METHOD_HISTORY_MULTI_OPERATION,
                                     world_api_body(w, &r, SLICE_EMPTY), 60 * NS_PER_S);
    world_settle(w);
    return call;
}

static void check_multi(struct world *w, uint64_t call, bool started, const char *word)
{
    const api_execute_multi_operation_response *response =
        world_answer(w, call, &api_execute_multi_operation_response__desc);

    must(response->n_responses == 2);
    check(response->responses[0]->start_workflow->started == started);
    const api_update_workflow_execution_response *update = response->responses[1]->update_workflow;
    check_str(outcome_word(update->outcome), word);
    check_str(response->responses[0]->start_workflow->run_id,
              update->update_ref->workflow_execution->run_id);
}

TEST(test_updates_start_their_workflow)
{
    WITH_WORLD(w);
    const int32_t fail = WORKFLOW_ID_CONFLICT_POLICY_FAIL;
    const uint64_t call = update_with_start(w, "wf", "r", "u", fail);
    const uint64_t again = update_with_start(w, "wf", "r", "u", fail);

    check(world_reply(w, call) == NULL);
    check_str(world_history(w, "wf", 100), "1 5");
    ANSWER(w, world_token(poll_with(w, 1)), NULL, "ok=u", "end=u");
    check_multi(w, call, true, "ok");
    check_multi(w, again, false, "ok");
    check_multi(w, update_with_start(w, "wf", "another", "u", fail), false, "ok");
    check_refused(w, update_with_start(w, "wf", "another", "new", fail), ERR_EXISTS,
                  "Update-with-Start could not be executed.");
    const uint64_t used =
        update_with_start(w, "wf", "another", "new", WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING);
    ANSWER(w, world_token(poll_with(w, 1)), NULL, "ok=new", "end=new");
    check_multi(w, used, false, "ok");
    END_WORLD(w);
}

TEST(test_updates_start_in_place_of_a_running_one)
{
    WITH_WORLD(w);
    idle(w, "wf");
    const uint64_t waiting = update(w, "wf", "old", COMPLETED);
    struct rpc_task old;
    must(world_offer(w, &old));
    const uint64_t call =
        update_with_start(w, "wf", "r", "u", WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING);

    check_refused(w, waiting, ERR_NOT_FOUND, "workflow update was aborted by closing workflow");
    ANSWER(w, world_token(poll_with(w, 1)), NULL, "ok=u", "end=u");
    check_multi(w, call, true, "ok");
    END_WORLD(w);
}

TEST(test_updates_start_once_over_a_crash)
{
    WITH_WORLD(w);
    const int32_t fail = WORKFLOW_ID_CONFLICT_POLICY_FAIL;
    const uint64_t call = update_with_start(w, "wf", "r", "u", fail);
    struct rpc_task task;

    must(world_offer(w, &task));
    world_reopen(w, false);
    check_err(world_got(w, call)->err, ERR_UNAVAILABLE);
    const uint64_t again = update_with_start(w, "wf", "r", "u", fail);
    check_str(world_history(w, "wf", 100), "1 5");
    const uint64_t polled = world_start_task(w, &task, 4711, ERR_OK);
    const api_poll_workflow_task_queue_response *response =
        world_answer(w, polled, &api_poll_workflow_task_queue_response__desc);
    check_i64(response->n_messages, 1);
    ANSWER(w, world_token(response), NULL, "ok=u", "end=u");
    check_multi(w, again, false, "ok");
    END_WORLD(w);
}

TEST(test_updates_of_a_start_end_with_its_run)
{
    WITH_WORLD(w);
    const uint64_t call = update_with_start(w, "wf", "r", "u", WORKFLOW_ID_CONFLICT_POLICY_FAIL);
    api_terminate_workflow_execution_request end = API_TERMINATE_WORKFLOW_EXECUTION_REQUEST_INIT;

    end.workflow_execution = world_execution(w, "wf");
    world_api(w, METHOD_HISTORY_TERMINATE, &end, SLICE_EMPTY);
    check_refused(w, call, ERR_NOT_FOUND, "Update-with-Start could not be executed.");
    END_WORLD(w);
}

TEST(test_updates_of_a_start_bring_the_workflow_back)
{
    WITH_WORLD(w);
    world_start(w, "wf");
    struct rpc_task task;
    must(world_offer(w, &task));
    const uint64_t call =
        update_with_start(w, "wf", "r", "u", WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING);
    api_terminate_workflow_execution_request end = API_TERMINATE_WORKFLOW_EXECUTION_REQUEST_INIT;

    end.workflow_execution = world_execution(w, "wf");
    world_api(w, METHOD_HISTORY_TERMINATE, &end, SLICE_EMPTY);
    check(world_reply(w, call) == NULL); /* it was not the start that failed: once more */
    ANSWER(w, world_token(poll_with(w, 1)), NULL, "ok=u", "end=u");
    check_multi(w, call, true, "ok");
    END_WORLD(w);
}
