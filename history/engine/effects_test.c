/* effects_test.c - children, signals and cancellations between executions: what a run asks for,
 * what it writes when it is answered, what others do to it, and what its end means to them. After
 * each step the rig compares the run with its rows and its rebuild. */
#include "history/engine/engine_rig.h"

#include "history/engine/child_int.h"

static void play(struct rig *rig, const char *script, const char *history)
{
    rig_init(rig, script);
    rig_run(rig, script);
    check_str(rig_history(rig), history);
}

TEST(test_child_start_is_asked_for_and_its_answers_are_history)
{
    static const struct {
        const char *script, *history;
        size_t children;
    } cases[] = {
        {"start poll done:child=c answer",
         "Started WFTScheduled WFTStarted WFTCompleted StartChildWorkflowExecutionInitiated "
         "ChildWorkflowExecutionStarted WFTScheduled",
         1},
        {"start poll done:child=c refuse",
         "Started WFTScheduled WFTStarted WFTCompleted StartChildWorkflowExecutionInitiated "
         "StartChildWorkflowExecutionFailed WFTScheduled",
         0},
        {"start poll done:child=c answer reanswer closed=1",
         "Started WFTScheduled WFTStarted WFTCompleted StartChildWorkflowExecutionInitiated "
         "ChildWorkflowExecutionStarted WFTScheduled ChildWorkflowExecutionFailed",
         0},
        {"start poll done:child=c closed!BUSY answer closed",
         "Started WFTScheduled WFTStarted WFTCompleted StartChildWorkflowExecutionInitiated "
         "ChildWorkflowExecutionStarted WFTScheduled ChildWorkflowExecutionCompleted",
         0},
        {"start poll done:child=c,mark=m answer poll closed=2 signal=s done",
         "Started WFTScheduled WFTStarted WFTCompleted StartChildWorkflowExecutionInitiated "
         "MarkerRecorded ChildWorkflowExecutionStarted WFTScheduled WFTStarted WFTCompleted "
         "Signaled ChildWorkflowExecutionCanceled WFTScheduled",
         0},
        /* all of it while a task is started: the end comes last, and knows its Started event */
        {"start poll hdone:child=c answer closed=3 signal=s done:",
         "Started WFTScheduled WFTStarted WFTCompleted StartChildWorkflowExecutionInitiated "
         "WFTScheduled WFTStarted WFTCompleted ChildWorkflowExecutionStarted Signaled "
         "ChildWorkflowExecutionTimedOut WFTScheduled",
         0},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        play(&rig, cases[i].script, cases[i].history);
        check_i64((int64_t)rig.run->children.count, (int64_t)cases[i].children);
        check_i64((int64_t)rig.out_count, 0);
        rig_release(&rig);
    }
}

TEST(test_a_child_that_ends_in_the_buffer_names_its_started_event)
{
    struct rig rig;
    size_t count;

    play(&rig, "start poll hdone:child=c answer closed done:",
         "Started WFTScheduled WFTStarted WFTCompleted StartChildWorkflowExecutionInitiated "
         "WFTScheduled WFTStarted WFTCompleted ChildWorkflowExecutionStarted "
         "ChildWorkflowExecutionCompleted WFTScheduled");
    api_history_event **events = engine_decode_events(&rig.arena, buf_slice(&rig.history), &count);
    const api_child_workflow_execution_completed_event_attributes *a =
        events[9]->child_workflow_execution_completed_event_attributes;
    check_i64(a->initiated_event_id, 5);
    check_i64(a->started_event_id, 9);
    check_str(a->workflow_execution->workflow_id, "c");
    check_str(a->workflow_execution->run_id, RIG_OTHER_RUN);
    check_str(a->workflow_type->name, "Child");
    check_str(a->namespace_, "default");
    rig_release(&rig);
}

TEST(test_a_child_started_in_the_buffer_learns_its_event_id)
{
    struct rig rig;

    play(&rig, "start poll hdone:child=c answer",
         "Started WFTScheduled WFTStarted WFTCompleted StartChildWorkflowExecutionInitiated "
         "WFTScheduled WFTStarted");
    const struct child *child = run_child(rig.run, 5);
    check(child && child->started && child->started_event_id == 0);
    rig_run(&rig, "done:");
    child = run_child(rig.run, 5);
    check(child && child->started_event_id == 9);
    rig_release(&rig);
}

TEST(test_a_child_is_asked_for_with_all_that_it_inherits)
{
    struct rig rig;

    play(&rig, "start:parent=1 poll done:child=c/3",
         "Started WFTScheduled WFTStarted WFTCompleted StartChildWorkflowExecutionInitiated");
    check_i64((int64_t)rig.out_count, 1);
    const struct rpc_effect *effect = &rig.out[0];
    check_i64(effect->kind, EFFECT_START_CHILD);
    check_i64(effect->parent_close_policy, PARENT_CLOSE_POLICY_REQUEST_CANCEL);
    check_i64(effect->initiated_event_id, 5);
    check_slice(effect->root_workflow_id, SLICE_LIT("root"));
    const api_start_workflow_execution_request *request =
        engine_decode(&rig.arena, &api_start_workflow_execution_request__desc, effect->payload);
    check_str(request->task_queue->name, "q");
    check_str(request->request_id, arena_printf(&rig.arena, "%s:5:0", rig.run->run_id));
    check_i64(request->workflow_task_timeout->seconds, 10);
    check_i64(request->workflow_id_reuse_policy, WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE);
    check_i64(request->workflow_id_conflict_policy, WORKFLOW_ID_CONFLICT_POLICY_FAIL);
    rig_release(&rig);
}

TEST(test_signals_and_cancellations_of_others_are_answered)
{
    static const struct {
        const char *script, *history;
    } cases[] = {
        {"start poll done:sigx=o answer reanswer",
         "Started WFTScheduled WFTStarted WFTCompleted SignalExternalWorkflowExecutionInitiated "
         "ExternalWorkflowExecutionSignaled WFTScheduled"},
        {"start poll done:sigx=o refuse",
         "Started WFTScheduled WFTStarted WFTCompleted SignalExternalWorkflowExecutionInitiated "
         "SignalExternalWorkflowExecutionFailed WFTScheduled"},
        {"start poll done:canx=o answer", "Started WFTScheduled WFTStarted WFTCompleted "
                                          "RequestCancelExternalWorkflowExecutionInitiated "
                                          "ExternalWorkflowExecutionCancelRequested WFTScheduled"},
        {"start poll done:canx=o refuse reanswer",
         "Started WFTScheduled WFTStarted WFTCompleted "
         "RequestCancelExternalWorkflowExecutionInitiated "
         "RequestCancelExternalWorkflowExecutionFailed WFTScheduled"},
        /* asked for in the step that ends the run: never */
        {"start poll done:sigx=o,canx=p,child=c,complete",
         "Started WFTScheduled WFTStarted WFTCompleted SignalExternalWorkflowExecutionInitiated "
         "RequestCancelExternalWorkflowExecutionInitiated StartChildWorkflowExecutionInitiated "
         "Completed"},
        /* on its way when the run ends: the answer only takes the row away */
        {"start poll done:sigx=o term answer",
         "Started WFTScheduled WFTStarted WFTCompleted SignalExternalWorkflowExecutionInitiated "
         "Terminated"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        play(&rig, cases[i].script, cases[i].history);
        check_i64((int64_t)rig.run->externals.count, 0);
        check_i64((int64_t)rig.out_count, 0);
        rig_release(&rig);
    }
}

TEST(test_bad_commands_ask_for_nothing)
{
    static const struct {
        const char *script, *text;
    } cases[] = {
        {"start poll done:child=c,canx=c!INVALID",
         "BadRequestCancelExternalWorkflowExecutionAttributes: Start and RequestCancel for child "
         "workflow is not allowed in same workflow task. WorkflowId=c RunId= Namespace="},
        {"start poll done:sigx=o,child=c,nomark!INVALID",
         "BadRecordMarkerAttributes: MarkerName is not set on RecordMarkerCommand."},
        {"start poll done:memo=a,nomark!INVALID",
         "BadRecordMarkerAttributes: MarkerName is not set on RecordMarkerCommand."},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        rig_init(&rig, cases[i].script);
        rig_run(&rig, cases[i].script);
        check_str(rig.detail.text, cases[i].text);
        check_i64((int64_t)rig.out_count, 0);
        check_i64((int64_t)(rig.run->children.count + rig.run->externals.count), 0);
        check_i64((int64_t)rig.run->memo.len, 0);
        rig_release(&rig);
    }
}

TEST(test_pending_requests_are_bounded)
{
    static const struct {
        const char *script, *text;
    } cases[] = {
        {"poll done:child=a,child=b poll!STALE signal=s poll done:child=c!INVALID",
         "PendingChildWorkflowsLimitExceeded: the number of pending child workflow executions, 2, "
         "has reached the per-workflow limit of 2"},
        {"poll done:sigx=a,sigx=b,sigx=c!INVALID",
         "PendingSignalsLimitExceeded: the number of pending signals to external workflows, 2, "
         "has reached the per-workflow limit of 2"},
        {"poll done:canx=a,canx=b,sigx=b,canx=c!INVALID",
         "PendingRequestCancelLimitExceeded: the number of pending requests to cancel external "
         "workflows, 2, has reached the per-workflow limit of 2"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        rig_init(&rig, cases[i].script);
        rig.limits.pending_children_max = 2;
        rig.limits.pending_signals_max = 2;
        rig.limits.pending_cancel_requests_max = 2;
        rig_run(&rig, "start");
        rig_run(&rig, cases[i].script);
        check_str(rig.detail.text, cases[i].text);
        rig_release(&rig);
    }
}

/* -- the end --------------------------------------------------------------------------------- */

static const char *out_kinds(struct rig *rig)
{
    static const char *const names[] = {"",       "start",        "signal",
                                        "cancel", "child-closed", "parent-closed"};
    const char *line = "";

    for (size_t i = 0; i < rig->out_count; i++)
        line = arena_printf(&rig->arena, "%s%s%s%s", line, i ? " " : "", names[rig->out[i].kind],
                            rig->out[i].cancel ? "(cancel)" : "");
    return line;
}

TEST(test_the_end_of_a_run_reaches_its_parent_and_its_children)
{
    static const struct {
        const char *script, *out;
    } cases[] = {
        {"start poll done:child=c answer poll done:complete", "parent-closed"},
        {"start poll done:child=c/1 answer poll done:fail", "parent-closed"},
        {"start poll done:child=c/3 answer poll done:cancel", "parent-closed(cancel)"},
        {"start poll done:child=c/2 answer poll done:complete", ""}, /* abandoned */
        {"start poll done:child=c answer term", "parent-closed"},
        {"start:run=5 poll done:child=c/3 answer wait=6", "parent-closed(cancel)"},
        {"start poll done:child=c answer poll done:can", "parent-closed"},
        {"start poll done:child=c,child=d/3,child=e/2 answer answer answer closed term",
         "parent-closed(cancel)"},
        /* the start is under way: what becomes of the child is said when it has started */
        {"start poll done:child=c term", "start"},
        {"start poll done:child=c term answer", "parent-closed"},
        {"start poll done:child=c/2 term answer", ""},
        {"start poll done:child=c term refuse", ""},
        {"start poll done:child=c answer term answer", ""},
        /* the parent of this run */
        {"start:parent=1 poll done:complete", "child-closed"},
        {"start:parent=1 term", "child-closed"},
        {"start:parent=1,run=5 wait=6", "child-closed"},
        {"start:parent=1 poll done:can", ""},
        {"start:parent=1 poll done:can wait=1 poll done:complete", "child-closed"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        rig_init(&rig, cases[i].script);
        rig_run(&rig, cases[i].script);
        const char *out = out_kinds(&rig);
        if (strcmp(out, cases[i].out) != 0)
            rig_failed(&rig, cases[i].out, "is not what is asked for:", out);
        rig_release(&rig);
    }
}

TEST(test_a_chain_of_runs_keeps_its_parent)
{
    struct rig rig;

    play(&rig, "start:parent=1 poll done:can wait=1 poll done:fail",
         "Started WFTScheduled WFTStarted WFTCompleted Failed");
    check_i64((int64_t)rig.out_count, 1);
    const struct rpc_effect *effect = &rig.out[0];
    check_slice(effect->target_workflow_id, SLICE_LIT("parent"));
    check_slice(effect->target_run_id, SLICE_LIT(RIG_PARENT_RUN));
    check_i64(effect->initiated_event_id, 5);
    check_slice(effect->source_run_id, slice_str(rig.run->run_id));
    const api_history_event *closing =
        engine_decode(&rig.arena, &api_history_event__desc, effect->payload);
    check(closing && closing->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_FAILED);
    rig_release(&rig);
}

/* -- from others ------------------------------------------------------------------------------ */

TEST(test_what_other_executions_do_to_a_run)
{
    static const struct {
        const char *script, *history;
        int32_t cause; /* 0: done */
    } cases[] = {
        {"start poll done xsignal",
         "Started WFTScheduled WFTStarted WFTCompleted Signaled "
         "WFTScheduled",
         0},
        {"start xsignal=1", "Started WFTScheduled", 1}, /* not a child of that execution */
        {"start:parent=1 xsignal=1", "Started WFTScheduled Signaled", 0},
        {"start term xsignal", "Started WFTScheduled Terminated", 1},
        {"start xcancel", "Started WFTScheduled CancelRequested", 0},
        {"start xcancel xcancel", "Started WFTScheduled CancelRequested", 0},
        {"start xcancel=1", "Started WFTScheduled", 1},
        {"start:parent=1 xcancel=1", "Started WFTScheduled CancelRequested", 0},
        {"start term xcancel", "Started WFTScheduled Terminated", 0},
        {"start:parent=1 pterm", "Started WFTScheduled Terminated", 0},
        {"start:parent=1 pterm pterm", "Started WFTScheduled Terminated", 0},
        {"start:parent=1 pcancel", "Started WFTScheduled CancelRequested", 0},
        {"start pterm", "Started WFTScheduled", 0}, /* no child of that parent */
        {"start pcancel", "Started WFTScheduled", 0},
        {"start:parent=1 poll done:can pterm", "Started Terminated", 0}, /* across runs */
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        play(&rig, cases[i].script, cases[i].history);
        check_i64(rig.outcome.failed, cases[i].cause != 0);
        check_i64(rig.outcome.cause, cases[i].cause);
        rig_release(&rig);
    }
}

TEST(test_too_many_signals_are_refused_with_a_cause)
{
    struct rig rig;

    rig_init(&rig, "signals");
    rig.limits.signals_max = 1;
    rig_run(&rig, "start xsignal");
    check(!rig.outcome.failed);
    rig_run(&rig, "xsignal");
    check(rig.outcome.failed);
    check_i64(rig.outcome.cause,
              SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_SIGNAL_COUNT_LIMIT_EXCEEDED);
    rig_release(&rig);
}

TEST(test_an_execution_does_not_reach_itself)
{
    struct rig rig;
    struct transition t;

    rig_init(&rig, "itself");
    rig_run(&rig, "start poll done:sigx=wf,canx=wf");
    for (size_t i = 0; i < 2; i++) {
        rig_begin(&rig, &t);
        rig_end(&rig, &t, "itself", engine_effect_apply(&t, &rig.out[i], &rig.outcome));
        check(rig.outcome.failed);
        check_i64(rig.outcome.cause, 1);
    }
    check_i64(rig.run->signal_count, 0);
    check(!rig.run->cancel_requested);
    rig_release(&rig);
}

/* -- what is shown ---------------------------------------------------------------------------- */

TEST(test_describe_shows_children_parent_root_and_memo)
{
    struct rig rig;

    play(&rig, "start:parent=1 poll done:child=c,child=d/2,memo=a,memo=b,unmemo=a answer",
         "Started WFTScheduled WFTStarted WFTCompleted StartChildWorkflowExecutionInitiated "
         "StartChildWorkflowExecutionInitiated WorkflowPropertiesModified "
         "WorkflowPropertiesModified WorkflowPropertiesModified ChildWorkflowExecutionStarted "
         "WFTScheduled");
    const api_describe_workflow_execution_response *out =
        engine_decode(&rig.arena, &api_describe_workflow_execution_response__desc,
                      engine_describe(rig.run, &rig.arena, rig.now_ns));
    check_i64((int64_t)out->n_pending_children, 2);
    check_str(out->pending_children[0]->workflow_id, "c");
    check_str(out->pending_children[0]->run_id, RIG_OTHER_RUN);
    check_str(out->pending_children[0]->workflow_type_name, "Child");
    check_i64(out->pending_children[0]->initiated_id, 5);
    check_i64(out->pending_children[0]->parent_close_policy, PARENT_CLOSE_POLICY_TERMINATE);
    check_str(out->pending_children[1]->run_id, "");
    check_i64(out->pending_children[1]->parent_close_policy, PARENT_CLOSE_POLICY_ABANDON);
    check_str(out->workflow_execution_info->parent_execution->workflow_id, "parent");
    check_str(out->workflow_execution_info->parent_namespace_id, RIG_NAMESPACE);
    check_str(out->workflow_execution_info->root_execution->workflow_id, "root");
    check_i64((int64_t)out->workflow_execution_info->memo->n_fields, 1);
    check_str(out->workflow_execution_info->memo->fields[0]->key, "b");
    rig_release(&rig);
}

TEST(test_another_namespace_is_known_by_name_and_must_be_allowed)
{
    struct rig rig;
    struct transition t;
    struct slice id, name;

    rig_init(&rig, "namespaces");
    rig_run(&rig, "start");
    rig_begin(&rig, &t);
    check_ok(command_namespace(&t, "", &id, &name));
    check_slice(id, SLICE_LIT(RIG_NAMESPACE));
    check_ok(command_namespace(&t, "default", &id, &name));
    check(check_cross_namespace(&t, id) == NULL);
    check_i64(command_namespace(&t, "elsewhere", &id, &name), ERR_NOT_FOUND);
    check_str(check_cross_namespace(&t, SLICE_LIT("11111111-0506-4708-890a-0b0c0d0e0f10")),
              "cross namespace commands are not allowed");
    transition_release(&t);
    rig_release(&rig);
}

#define OTHER_NAMESPACE "11111111-0506-4708-890a-0b0c0d0e0f10"

static enum err id_of_other(void *arg, struct slice name, struct arena *arena, struct slice *id)
{
    UNUSED(arg);
    if (!slice_eq(name, SLICE_LIT("other")))
        return ERR_NOT_FOUND;
    *id = arena_copy(arena, SLICE_LIT(OTHER_NAMESPACE));
    return ERR_OK;
}

TEST(test_requests_go_to_other_namespaces_where_that_is_allowed)
{
    static const struct engine_namespaces namespaces = {.id_of = id_of_other};
    static const struct {
        const char *script;
        bool allowed;
        const char *text;
    } cases[] = {
        {"start poll done:sigx=o@other!INVALID", false,
         "BadSignalWorkflowExecutionAttributes: cross namespace commands are not allowed"},
        {"start poll done:canx=o@other!INVALID", false,
         "BadRequestCancelExternalWorkflowExecutionAttributes: cross namespace commands are not "
         "allowed"},
        {"start poll done:child=o@other!INVALID", false,
         "BadStartChildExecutionAttributes: cross namespace commands are not allowed"},
        {"start poll done:sigx=o@nowhere!NOT_FOUND", true, "Namespace nowhere is not found."},
        {"start poll done:sigx=o@other,canx=o@other,child=o@other", true, NULL},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        rig_init(&rig, cases[i].script);
        rig.namespaces = &namespaces;
        rig.limits.cross_namespace_commands = cases[i].allowed;
        rig_run(&rig, cases[i].script);
        if (cases[i].text)
            check_str(rig.detail.text, cases[i].text);
        check_i64((int64_t)rig.out_count, cases[i].text ? 0 : 3);
        for (size_t n = 0; n < rig.out_count; n++) {
            check_slice(rig.out[n].target_namespace_id, SLICE_LIT(OTHER_NAMESPACE));
            check_slice(rig.out[n].target_namespace, SLICE_LIT("other"));
        }
        if (!cases[i].text)
            rig_run(&rig, "answer answer answer poll done:complete");
        rig_release(&rig);
    }
}
