/* chain_test.c - the run after a run: retry policies, cron schedules, both, and their time-outs. */
#include "history/engine/engine_rig.h"

#include "common/proto/wire.h"
#include "tests/lib/test.h"

static api_history_event *event_at(struct rig *rig, struct slice history, bool last)
{
    size_t count;
    api_history_event **events = engine_decode_events(&rig->arena, history, &count);

    must(events != NULL && count > 0);
    return events[last ? count - 1 : 0];
}

static const api_workflow_execution_started_event_attributes *started(struct rig *rig)
{
    return event_at(rig, buf_slice(&rig->history), false)
        ->workflow_execution_started_event_attributes;
}

/* The end of the run before, or of the present one. */
static const api_history_event *ending(struct rig *rig, bool before)
{
    return event_at(rig, before ? rig->ended_history : buf_slice(&rig->history), true);
}

static int64_t span_ns(const pb_duration *span)
{
    int64_t ns;

    must(proto_duration_ns(span, &ns) == ERR_OK);
    return ns;
}

static bool is_text(const api_payloads *payloads, const char *text)
{
    struct arena arena;

    arena_init(&arena);
    const bool same =
        payloads && slice_eq(proto_encode(&arena, payloads),
                             proto_encode(&arena, engine_payloads_of_text(&arena, text)));
    arena_release(&arena);
    return same;
}

TEST(test_a_failed_run_is_tried_again)
{
    struct rig rig;

    rig_init(&rig, "retry");
    rig_run(&rig, "start:retry=99,run=50,exec=100,memo=1 poll wait=3 done:fail=Oops");
    const api_workflow_execution_failed_event_attributes *f =
        ending(&rig, true)->workflow_execution_failed_event_attributes;
    check_i64(rig.ended->status, WORKFLOW_EXECUTION_STATUS_FAILED);
    check_i64((int64_t)f->retry_state, RETRY_STATE_IN_PROGRESS);
    check_str(f->new_execution_run_id, rig.run->run_id);
    check_str(f->failure->application_failure_info->type, "Oops");

    const api_workflow_execution_started_event_attributes *s = started(&rig);
    check_str(s->continued_execution_run_id, rig.ended->run_id);
    check_str(s->first_execution_run_id, rig.ended->run_id);
    check_i64((int64_t)s->initiator, CONTINUE_AS_NEW_INITIATOR_RETRY);
    check_i64(s->attempt, 2);
    check_str(s->continued_failure->application_failure_info->type, "Oops");
    check(s->last_completion_result == NULL);
    check_i64(span_ns(s->first_workflow_task_backoff), NS_PER_S);
    check(is_text(s->input, "hello"));
    check(s->memo != NULL && s->retry_policy != NULL);
    check_i64(span_ns(s->workflow_run_timeout), 50 * NS_PER_S);
    check_i64(rig.run->execution_expires_ns, rig.ended->execution_expires_ns);
    check_i64(rig.run->wft.state, WFT_NONE);
    rig_run(&rig, "wait=1 poll wait=1 done:fail wait=2 poll wait=1 done:fail");
    check_i64(started(&rig)->attempt, 4);
    check_i64(span_ns(started(&rig)->first_workflow_task_backoff), 4 * NS_PER_S);
    rig_run(&rig, "wait=4 poll wait=1 done:fail");
    check_i64(span_ns(started(&rig)->first_workflow_task_backoff), 5 * NS_PER_S); /* the maximum */
    check_str(started(&rig)->first_execution_run_id, s->first_execution_run_id);
    rig_run(&rig, "wait=5 poll done:complete");
    check_i64(rig.run->status, WORKFLOW_EXECUTION_STATUS_COMPLETED);
    check_str(
        ending(&rig, false)->workflow_execution_completed_event_attributes->new_execution_run_id,
        "");
    rig_release(&rig);
}

TEST(test_what_is_not_tried_again)
{
    static const struct {
        const char *script;
        int32_t status, retry_state;
        size_t runs;
    } cases[] = {
        {"start poll done:fail", WORKFLOW_EXECUTION_STATUS_FAILED, RETRY_STATE_RETRY_POLICY_NOT_SET,
         0},
        {"start:retry=1 poll done:fail", WORKFLOW_EXECUTION_STATUS_FAILED,
         RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED, 0},
        {"start:retry=2 poll done:fail wait=1 poll done:fail", WORKFLOW_EXECUTION_STATUS_FAILED,
         RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED, 1},
        {"start:retry=9 poll done:fail=Fatal", WORKFLOW_EXECUTION_STATUS_FAILED,
         RETRY_STATE_NON_RETRYABLE_FAILURE, 0},
        {"start:retry=9,exec=4 poll wait=1 done:fail=delay/4", WORKFLOW_EXECUTION_STATUS_FAILED,
         RETRY_STATE_TIMEOUT, 0},
        {"start:run=5 wait=5", WORKFLOW_EXECUTION_STATUS_TIMED_OUT,
         RETRY_STATE_RETRY_POLICY_NOT_SET, 0},
        {"start:exec=5 wait=5", WORKFLOW_EXECUTION_STATUS_TIMED_OUT, RETRY_STATE_TIMEOUT, 0},
        {"start:exec=5,retry=3,every=1 wait=6 wait=5", WORKFLOW_EXECUTION_STATUS_TIMED_OUT,
         RETRY_STATE_TIMEOUT, 0},
        {"start:run=5,retry=2 wait=5 wait=1 wait=5", WORKFLOW_EXECUTION_STATUS_TIMED_OUT,
         RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED, 1},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        rig_init(&rig, cases[i].script);
        rig_run(&rig, cases[i].script);
        check_i64(rig.run->status, cases[i].status);
        check_i64((int64_t)rig.runs_ended, (int64_t)cases[i].runs);
        const api_history_event *end = ending(&rig, false);
        if (cases[i].status == WORKFLOW_EXECUTION_STATUS_FAILED) {
            check_i64((int64_t)end->workflow_execution_failed_event_attributes->retry_state,
                      cases[i].retry_state);
            check_str(end->workflow_execution_failed_event_attributes->new_execution_run_id, "");
        } else {
            check_i64((int64_t)end->workflow_execution_timed_out_event_attributes->retry_state,
                      cases[i].retry_state);
        }
        rig_release(&rig);
    }
}

TEST(test_a_wish_for_the_next_attempt_and_the_interval_between_runs)
{
    struct rig rig;

    rig_init(&rig, "wish");
    rig_run(&rig, "start:retry=9 poll done:fail=delay/3");
    check_i64(span_ns(started(&rig)->first_workflow_task_backoff), 3 * NS_PER_S);
    rig_run(&rig, "wait=3 poll done:fail=delay/60"); /* held to the maximum interval */
    check_i64(span_ns(started(&rig)->first_workflow_task_backoff), 5 * NS_PER_S);
    rig_release(&rig);
}

TEST(test_a_run_that_times_out_is_tried_again)
{
    struct rig rig;

    rig_init(&rig, "time-out");
    rig_run(&rig, "start:retry=9,run=5 poll wait=6");
    const api_workflow_execution_timed_out_event_attributes *end =
        ending(&rig, true)->workflow_execution_timed_out_event_attributes;
    check_i64((int64_t)end->retry_state, RETRY_STATE_IN_PROGRESS);
    check_str(end->new_execution_run_id, rig.run->run_id);
    const api_failure_failure *failure = started(&rig)->continued_failure;
    check_str(failure->message, "workflow timeout");
    check_i64((int64_t)failure->timeout_failure_info->timeout_type, TIMEOUT_TYPE_START_TO_CLOSE);
    check_i64(rig.run->run_expires_ns, rig.run->start_ns + 6 * NS_PER_S); /* after the back-off */
    rig_run(&rig, "wait=1 poll done:can"); /* the command says nothing of a policy */
    check_i64((int64_t)rig.run->retry_policy.len, 0);
    rig_run(&rig, "wait=1 poll done:fail");
    check_i64(rig.run->status, WORKFLOW_EXECUTION_STATUS_FAILED);
    rig_release(&rig);
}

TEST(test_cron_runs_follow_each_other)
{
    struct rig rig;

    rig_init(&rig, "cron");
    rig_run(&rig, "start:every=10,task=60");
    check_i64((int64_t)started(&rig)->initiator, CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE);
    check_str(started(&rig)->cron_schedule, "@every 10s");
    check_i64(span_ns(started(&rig)->first_workflow_task_backoff), 10 * NS_PER_S);
    check_i64(rig.run->wft.state, WFT_NONE);
    rig_run(&rig, "signal=s wait=9"); /* which does not hasten it */
    check_i64(rig.run->wft.state, WFT_NONE);
    rig_run(&rig, "wait=1 poll wait=3 done:complete");
    check_i64(rig.ended->status, WORKFLOW_EXECUTION_STATUS_COMPLETED);
    check_str(
        ending(&rig, true)->workflow_execution_completed_event_attributes->new_execution_run_id,
        rig.run->run_id);
    check_i64((int64_t)started(&rig)->initiator, CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE);
    check_i64(started(&rig)->attempt, 1);
    check_i64(span_ns(started(&rig)->first_workflow_task_backoff), 7 * NS_PER_S);
    check(is_text(started(&rig)->last_completion_result, "out"));
    check(is_text(started(&rig)->input, "hello"));
    check(started(&rig)->continued_failure == NULL);

    rig_run(&rig, "wait=7 poll wait=25 done:fail=Oops"); /* two turns are missed */
    check_i64((int64_t)ending(&rig, true)->workflow_execution_failed_event_attributes->retry_state,
              RETRY_STATE_RETRY_POLICY_NOT_SET);
    check_i64(span_ns(started(&rig)->first_workflow_task_backoff), 5 * NS_PER_S);
    check(is_text(started(&rig)->last_completion_result, "out")); /* a failure keeps it */
    check_str(started(&rig)->continued_failure->application_failure_info->type, "Oops");
    rig_run(&rig, "wait=5 poll done:cancel");
    check_i64(rig.run->status, WORKFLOW_EXECUTION_STATUS_CANCELED);
    rig_release(&rig);
}

TEST(test_cron_goes_on_after_the_last_attempt)
{
    struct rig rig;

    rig_init(&rig, "both");
    rig_run(&rig, "start:every=10,retry=2,run=30 wait=10 poll wait=1 done:fail");
    check_i64((int64_t)started(&rig)->initiator, CONTINUE_AS_NEW_INITIATOR_RETRY);
    check_i64(started(&rig)->attempt, 2);
    rig_run(&rig, "wait=1 poll done:fail");
    check_i64((int64_t)ending(&rig, true)->workflow_execution_failed_event_attributes->retry_state,
              RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED);
    check_i64((int64_t)started(&rig)->initiator, CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE);
    check_i64(started(&rig)->attempt, 1);
    check_i64(span_ns(started(&rig)->first_workflow_task_backoff), 10 * NS_PER_S);
    rig_run(&rig, "wait=10 wait=30"); /* nobody polls: it times out, and is tried again */
    check_i64(rig.ended->status, WORKFLOW_EXECUTION_STATUS_TIMED_OUT);
    check_i64((int64_t)started(&rig)->initiator, CONTINUE_AS_NEW_INITIATOR_RETRY);
    rig_run(&rig, "term");
    check_i64(rig.run->status, WORKFLOW_EXECUTION_STATUS_TERMINATED);
    rig_release(&rig);
}

TEST(test_the_parent_hears_of_the_end_of_the_chain_only)
{
    struct rig rig;

    rig_init(&rig, "parent");
    rig_run(&rig, "start:parent=1,retry=2 poll done:fail");
    check_i64((int64_t)rig.out_count, 0);
    check_slice(rig.run->parent_workflow_id, rig.ended->parent_workflow_id);
    rig_run(&rig, "wait=1 poll done:fail");
    check_i64((int64_t)rig.out_count, 1);
    rig_run(&rig, "answer");
    rig_release(&rig);
}
