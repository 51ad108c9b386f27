/* continue_test.c - a run that continues as a new one: both histories, what is handed on, time. */
#include "history/engine/engine_rig.h"

#include "common/proto/wire.h"
#include "tests/lib/test.h"

static api_history_event *first_event(struct rig *rig, struct slice history)
{
    size_t count;
    api_history_event **events = engine_decode_events(&rig->arena, history, &count);

    must(events != NULL && count > 0);
    return events[0];
}

static api_history_event *last_event(struct rig *rig, struct slice history)
{
    size_t count;
    api_history_event **events = engine_decode_events(&rig->arena, history, &count);

    must(events != NULL && count > 0);
    return events[count - 1];
}

static int64_t span_ns(const pb_duration *span)
{
    int64_t ns;

    must(proto_duration_ns(span, &ns) == ERR_OK);
    return ns;
}

TEST(test_continue_hands_on_the_chain)
{
    struct rig rig;

    rig_init(&rig, "chain");
    rig_run(&rig, "start:run=50,exec=60 poll wait=3 done:can");
    check(rig.ended != NULL);
    check_i64(rig.ended->status, WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW);
    check(!run_is_open(rig.ended));

    const api_history_event *end = last_event(&rig, rig.ended_history);
    check_i64((int64_t)end->event_type, EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW);
    const api_workflow_execution_continued_as_new_event_attributes *c =
        end->workflow_execution_continued_as_new_event_attributes;
    check_str(c->new_execution_run_id, rig.run->run_id);
    check_i64(c->workflow_task_completed_event_id, 4);
    check(slice_eq(slice_str(c->workflow_type->name), rig.run->workflow_type));
    check(slice_eq(slice_str(c->task_queue->name), rig.run->task_queue));
    check_i64(span_ns(c->workflow_run_timeout), 50 * NS_PER_S);

    const api_workflow_execution_started_event_attributes *s =
        first_event(&rig, buf_slice(&rig.history))->workflow_execution_started_event_attributes;
    check_str(s->continued_execution_run_id, rig.ended->run_id);
    check_str(s->first_execution_run_id, rig.ended->run_id);
    check_str(s->original_execution_run_id, rig.run->run_id);
    check_i64((int64_t)s->initiator, CONTINUE_AS_NEW_INITIATOR_WORKFLOW);
    check_i64(s->attempt, 1);
    check(s->first_workflow_task_backoff == NULL); /* the old run lived long enough */
    check(s->input != NULL);
    check(s->prev_auto_reset_points != NULL);
    check_i64(rig.run->execution_expires_ns, rig.ended->execution_expires_ns);
    check(strcmp(rig.run->run_id, rig.ended->run_id) != 0);
    check(strcmp(rig.run->start_request_id, rig.ended->start_request_id) != 0);
    check_i64(rig.run->wft.state, WFT_SCHEDULED);
    rig_run(&rig, "poll wait=1 done:complete");
    check_i64(rig.run->status, WORKFLOW_EXECUTION_STATUS_COMPLETED);
    rig_release(&rig);
}

TEST(test_continue_waits_before_the_next_run)
{
    static const struct {
        const char *script, *after;
        int64_t backoff_ns;
    } cases[] = {
        {"start poll done:can", "wait=1", NS_PER_S}, /* runs begin at least a second apart */
        {"start poll done:can=5", "wait=5", 5 * NS_PER_S},
        {"start poll wait=2 done:can=5", "wait=5", 5 * NS_PER_S},
        {"start poll done:can", "signal=s wait=1", NS_PER_S}, /* a signal does not hasten it */
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        rig_init(&rig, cases[i].script);
        rig_run(&rig, cases[i].script);
        check_i64(
            span_ns(first_event(&rig, buf_slice(&rig.history))
                        ->workflow_execution_started_event_attributes->first_workflow_task_backoff),
            cases[i].backoff_ns);
        check_i64(rig.run->execution_ns - rig.run->start_ns, cases[i].backoff_ns);
        check_i64(rig.run->wft.state, WFT_NONE);
        rig_run(&rig, cases[i].after);
        check_i64(rig.run->wft.state, WFT_SCHEDULED);
        rig_run(&rig, "poll done:complete");
        check_i64(rig.run->status, WORKFLOW_EXECUTION_STATUS_COMPLETED);
        rig_release(&rig);
    }
}

TEST(test_continue_ends_what_is_pending)
{
    struct rig rig;

    rig_init(&rig, "pending");
    rig_run(&rig, "start poll done:timer=t/50 signal=s poll wait=2 done:can");
    check_i64((int64_t)rig.ended->timers.count, 0);
    check_i64((int64_t)rig.run->timers.count, 0);
    check_i64((int64_t)rig.run->signal_request_ids.count, 0);
    check_i64(rig.run->signal_count, 0);
    rig_release(&rig);
}

TEST(test_continue_knows_the_signals_of_the_run_before)
{
    static const struct {
        const char *script;
        int64_t known, signals;
    } cases[] = {
        {"start signal=s/one poll done:can signal=s/one", 1, 0},
        {"start signal=s/one poll done:can signal=s/two signal=s/two", 2, 1},
        {"start signal=s/one poll wait=2 done:can poll wait=2 done:can signal=s/one", 1, 0},
        {"start signal=s/one poll done wait=130 signal=s/two poll done:can signal=s/two", 1, 0},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        rig_init(&rig, cases[i].script);
        rig_run(&rig, cases[i].script);
        check_i64((int64_t)rig.run->signal_request_ids.count, cases[i].known);
        check_i64(rig.run->signal_count, cases[i].signals);
        rig_release(&rig);
    }
}

TEST(test_continue_keeps_the_time_of_the_whole_execution)
{
    struct rig rig;

    rig_init(&rig, "execution time-out");
    rig_run(&rig, "start:exec=20 poll wait=5 done:can wait=16");
    check_i64(rig.run->status, WORKFLOW_EXECUTION_STATUS_TIMED_OUT);
    check_i64((int64_t)last_event(&rig, buf_slice(&rig.history))
                  ->workflow_execution_timed_out_event_attributes->retry_state,
              RETRY_STATE_TIMEOUT);
    rig_release(&rig);
}
