/* timer_commands.c - what a workflow commands: start a timer, cancel it.
 *
 * Spec: texts and order of checks of the reference server. */
#include "common/proto/wire.h"
#include "history/engine/command_checks.h"
#include "history/engine/timer_int.h"

enum err command_start_timer(struct transition *t, struct command_context *ctx,
                             const api_command *command)
{
    const int32_t bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_START_TIMER_ATTRIBUTES;
    const size_t max = t->limits->id_bytes_max;
    const api_start_timer_command_attributes *c =
        command->attributes_case == API_COMMAND_ATTRIBUTES_START_TIMER_COMMAND_ATTRIBUTES
            ? command->start_timer_command_attributes
            : NULL;
    int64_t span_ns = 0;

    if (!c)
        return command_bad(t, ctx, bad,
                           "StartTimerCommandAttributes is not set on StartTimerCommand.");
    const struct slice timer_id = slice_str(c->timer_id);
    if (timer_id.len == 0)
        return command_bad(t, ctx, bad, "TimerId is not set on StartTimerCommand.");
    if (timer_id.len > max)
        return command_bad(t, ctx, bad,
                           "TimerId on StartTimerCommand exceeds length limit. TimerId=%s "
                           "Length=%zu Limit=%zu",
                           c->timer_id, timer_id.len, max);
    const char *wrong = check_duration(c->start_to_fire_timeout, &span_ns);
    if (wrong)
        return command_bad(t, ctx, bad,
                           "An invalid StartToFireTimeout is set on StartTimerCommand: %s. "
                           "TimerId=%s",
                           wrong, c->timer_id);
    if (run_timer(t->run, timer_id))
        return command_bad(t, ctx, WORKFLOW_TASK_FAILED_CAUSE_START_TIMER_DUPLICATE_ID,
                           "invalid history builder state for action: add-timer-started-event, "
                           "TimerID: %s",
                           c->timer_id);

    api_history_event *event = NULL;
    api_timer_started_event_attributes *a = engine_event(t, EVENT_TYPE_TIMER_STARTED, &event);
    a->timer_id = c->timer_id;
    if (c->start_to_fire_timeout)
        a->start_to_fire_timeout = proto_duration(t->arena, span_ns);
    a->workflow_task_completed_event_id = ctx->completed_event_id;

    struct timer *timer = timer_new(timer_id);
    timer->started_event_id = transition_event(t, event);
    if (__builtin_add_overflow(t->now_ns, span_ns, &timer->fire_ns))
        timer->fire_ns = INT64_MAX;
    run_timer_put(t->run, timer);
    list_push_back(&t->run->changed_timers, &timer->changed);
    return ERR_OK;
}

/* The started_event_id of a timer whose TimerFired waits in the buffer; 0: none does. */
static int64_t buffered_fire(struct transition *t, const char *timer_id)
{
    size_t count = 0;

    if (t->run->buffered_count == 0)
        return 0;
    api_history_event **events =
        engine_decode_events(t->arena, bytes_slice(t->run->buffered), &count);
    must(events != NULL);
    for (size_t i = 0; i < count; i++)
        if (events[i]->event_type == EVENT_TYPE_TIMER_FIRED &&
            strcmp(events[i]->timer_fired_event_attributes->timer_id, timer_id) == 0)
            return events[i]->timer_fired_event_attributes->started_event_id;
    return 0;
}

enum err command_cancel_timer(struct transition *t, struct command_context *ctx,
                              const api_command *command)
{
    const int32_t bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_CANCEL_TIMER_ATTRIBUTES;
    const size_t max = t->limits->id_bytes_max;
    const api_cancel_timer_command_attributes *c =
        command->attributes_case == API_COMMAND_ATTRIBUTES_CANCEL_TIMER_COMMAND_ATTRIBUTES
            ? command->cancel_timer_command_attributes
            : NULL;

    if (!c)
        return command_bad(t, ctx, bad,
                           "CancelTimerCommandAttributes is not set on CancelTimerCommand.");
    const struct slice timer_id = slice_str(c->timer_id);
    if (timer_id.len == 0)
        return command_bad(t, ctx, bad, "TimerId is not set on CancelTimerCommand.");
    if (timer_id.len > max)
        return command_bad(t, ctx, bad,
                           "TimerId on CancelTimerCommand exceeds length limit. TimerId=%s "
                           "Length=%zu Limit=%zu",
                           c->timer_id, timer_id.len, max);
    struct timer *timer = run_timer(t->run, timer_id);
    const int64_t started_event_id =
        timer ? timer->started_event_id : buffered_fire(t, c->timer_id);
    if (started_event_id == 0)
        return command_bad(t, ctx, bad,
                           "invalid history builder state for action: add-timer-canceled-event, "
                           "TimerID: %s",
                           c->timer_id);

    api_history_event *event = NULL;
    api_timer_canceled_event_attributes *a = engine_event(t, EVENT_TYPE_TIMER_CANCELED, &event);
    a->timer_id = c->timer_id;
    a->started_event_id = started_event_id;
    a->workflow_task_completed_event_id = ctx->completed_event_id;
    if (ctx->identity)
        a->identity = transition_str(t, slice_str(ctx->identity));
    (void)transition_event(t, event);
    if (timer) {
        timer_end(t, timer);
    } else {
        const bool removed = transition_unbuffer_timer_fired(t, timer_id);
        must(removed);
    }
    return ERR_OK;
}
