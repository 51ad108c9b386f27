/* close_event.c - the end of a run as clients see it that don't know how to follow a chain from it.
 */
#include "history/shard/shard_int.h"

#include "common/proto/wire.h"
#include "history/engine/failure.h"

/* The run that goes on after `event`, and what the end said; "" where none does. */
static const char *next_of(struct arena *arena, const api_history_event *event,
                           api_workflow_execution_continued_as_new_event_attributes *said)
{
    switch ((int32_t)event->event_type) {
    case EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: {
        const api_workflow_execution_completed_event_attributes *a =
            event->workflow_execution_completed_event_attributes;

        said->last_completion_result = a->result;
        return a->new_execution_run_id;
    }
    case EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: {
        const api_workflow_execution_failed_event_attributes *a =
            event->workflow_execution_failed_event_attributes;

        said->failure = a->failure;
        return a->new_execution_run_id;
    }
    case EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
        said->failure = failure_timeout(arena, "workflow timeout", TIMEOUT_TYPE_START_TO_CLOSE);
        return event->workflow_execution_timed_out_event_attributes->new_execution_run_id;
    default:
        return "";
    }
}

struct slice hs_close_event_to_follow(struct arena *arena, struct slice history)
{
    api_workflow_execution_continued_as_new_event_attributes said =
        API_WORKFLOW_EXECUTION_CONTINUED_AS_NEW_EVENT_ATTRIBUTES_INIT;
    struct err_detail detail = {0};
    api_history *read;

    if (proto_decode(arena, &api_history__desc, history, &read, &detail) != ERR_OK ||
        read->n_events == 0)
        return history;
    const api_history_event *last = read->events[read->n_events - 1];
    const char *next = next_of(arena, last, &said);
    if (next[0] == '\0')
        return history;
    api_history_event shown = API_HISTORY_EVENT_INIT;

    said.new_execution_run_id = arena_str(arena, slice_str(next));
    shown.event_id = last->event_id;
    shown.event_time = last->event_time;
    shown.version = last->version;
    shown.task_id = last->task_id;
    shown.event_type = EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW;
    shown.attributes_case =
        TEMPORAL__API__HISTORY__V1__HISTORY_EVENT__ATTRIBUTES_WORKFLOW_EXECUTION_CONTINUED_AS_NEW_EVENT_ATTRIBUTES;
    shown.workflow_execution_continued_as_new_event_attributes = &said;
    read->events[read->n_events - 1] = &shown;
    return proto_encode(arena, read);
}
