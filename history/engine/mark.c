/* mark.c - a mark in a step to which it can return: a task whose commands turn out bad has none of
 * them applied.
 *
 * Commands add activities, timers, children and requests to other executions, end activities and
 * timers that they name, write events and close the run.
 * So the mark keeps the run's own fields, encoded copies of the items that the commands name, and
 * how far the step's output had come. A command that closes the run is the last one and succeeds:
 * the mark need not restore what closing drops. */
#include "history/engine/engine_int.h"

#include "history/engine/activity.h"
#include "history/engine/child.h"
#include "history/engine/timer.h"
#include "history/engine/update_int.h"

struct saved_item {
    struct saved_item *next;
    int64_t activity_event_id; /* 0: a timer */
    struct slice timer_id, encoded, input;
};

struct run_mark {
    struct run run; /* the plain fields only */
    struct slice cancel_request_id, sticky_queue, worker_identity, worker_version_stamp, buffered,
        identity, memo, search_attributes, reset_points, deployment, used_versions, used_builds;
    struct saved_item *items;
    size_t events_len, change_count, outgoing_count;
    struct task_change *changes;
    int64_t first_event_id;
    uint32_t event_count;
};

static void save_activity(struct transition *t, struct run_mark *mark, int64_t event_id)
{
    const struct activity *activity = run_activity(t->run, event_id);
    struct buf buf;

    if (!activity)
        return;
    struct saved_item *item = ARENA_NEW(t->arena, struct saved_item);
    buf_init(&buf, 0);
    activity_encode(activity, &buf);
    must(buf_ok(&buf));
    item->activity_event_id = event_id;
    item->encoded = arena_copy(t->arena, buf_slice(&buf));
    buf_clear(&buf);
    activity_encode_input(activity, &buf);
    must(buf_ok(&buf));
    item->input = arena_copy(t->arena, buf_slice(&buf));
    buf_release(&buf);
    item->next = mark->items;
    mark->items = item;
}

static void save_timer(struct transition *t, struct run_mark *mark, const char *timer_id)
{
    const struct timer *timer = run_timer(t->run, slice_str(timer_id));
    struct buf buf;

    if (!timer)
        return;
    struct saved_item *item = ARENA_NEW(t->arena, struct saved_item);
    buf_init(&buf, 0);
    timer_encode(timer, &buf);
    must(buf_ok(&buf));
    item->timer_id = arena_copy(t->arena, bytes_slice(timer->timer_id));
    item->encoded = arena_copy(t->arena, buf_slice(&buf));
    buf_release(&buf);
    item->next = mark->items;
    mark->items = item;
}

struct run_mark *run_mark(struct transition *t,
                          const api_respond_workflow_task_completed_request *request)
{
    const struct run *run = t->run;
    struct run_mark *mark = ARENA_NEW(t->arena, struct run_mark);

    mark->run = *run;
    mark->cancel_request_id = arena_copy(t->arena, bytes_slice(run->cancel_request_id));
    mark->sticky_queue = arena_copy(t->arena, bytes_slice(run->sticky_queue));
    mark->worker_identity = arena_copy(t->arena, bytes_slice(run->worker_identity));
    mark->worker_version_stamp = arena_copy(t->arena, bytes_slice(run->worker_version_stamp));
    mark->memo = arena_copy(t->arena, bytes_slice(run->memo));
    mark->search_attributes = arena_copy(t->arena, bytes_slice(run->search_attributes));
    mark->deployment = arena_copy(t->arena, bytes_slice(run->deployment));
    mark->used_versions = arena_copy(t->arena, bytes_slice(run->used_versions));
    mark->used_builds = arena_copy(t->arena, bytes_slice(run->used_builds));
    mark->reset_points = arena_copy(t->arena, bytes_slice(run->reset_points));
    mark->buffered = arena_copy(t->arena, bytes_slice(run->buffered));
    mark->identity = arena_copy(t->arena, bytes_slice(run->wft.identity));
    mark->events_len = t->events.len;
    mark->first_event_id = t->first_event_id;
    mark->event_count = t->event_count;
    mark->change_count = t->change_count;
    mark->outgoing_count = t->outgoing_count;
    mark->changes = ARENA_ARRAY(t->arena, struct task_change, t->change_count + 1);
    if (t->change_count > 0)
        memcpy(mark->changes, t->changes, t->change_count * sizeof(*t->changes));
    must(list_empty(&run->dropped_items));
    for (size_t i = 0; i < request->n_commands; i++) {
        const api_command *c = request->commands[i];
        if (c->command_type == COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK &&
            c->request_cancel_activity_task_command_attributes)
            save_activity(t, mark,
                          c->request_cancel_activity_task_command_attributes->scheduled_event_id);
        else if (c->command_type == COMMAND_TYPE_CANCEL_TIMER && c->cancel_timer_command_attributes)
            save_timer(t, mark, c->cancel_timer_command_attributes->timer_id);
    }
    return mark;
}

static void forget_activity(struct run *run, struct activity *activity)
{
    run_activity_remove(run, activity);
    activity_free(activity);
}

static void forget_timer(struct run *run, struct timer *timer)
{
    run_timer_remove(run, timer);
    timer_free(timer);
}

static void forget_added(struct run *run, int64_t from_event_id)
{
    for (struct map_node *it = map_next(&run->activities, NULL), *next; it; it = next) {
        struct activity *activity = CONTAINER_OF(it, struct activity, node);
        next = map_next(&run->activities, it);
        if (activity->scheduled_event_id >= from_event_id)
            forget_activity(run, activity);
    }
    for (struct map_node *it = map_next(&run->timers, NULL), *next; it; it = next) {
        struct timer *timer = CONTAINER_OF(it, struct timer, node);
        next = map_next(&run->timers, it);
        if (timer->started_event_id >= from_event_id)
            forget_timer(run, timer);
    }
    for (struct map_node *it = map_next(&run->children, NULL), *next; it; it = next) {
        struct child *child = CONTAINER_OF(it, struct child, node);
        next = map_next(&run->children, it);
        if (child->initiated_event_id >= from_event_id)
            run_child_remove(run, child);
    }
    for (struct map_node *it = map_next(&run->externals, NULL), *next; it; it = next) {
        struct external *external = CONTAINER_OF(it, struct external, node);
        next = map_next(&run->externals, it);
        if (external->initiated_event_id >= from_event_id)
            run_external_remove(run, external);
    }
}

static void restore_items(struct transition *t, const struct saved_item *items)
{
    struct run *run = t->run;

    for (const struct saved_item *item = items; item; item = item->next) {
        if (item->activity_event_id) {
            struct activity *present = run_activity(run, item->activity_event_id), *saved;
            if (present)
                forget_activity(run, present);
            must(activity_decode(t->arena, item->encoded, &saved) == ERR_OK);
            must(activity_decode_input(t->arena, item->input, saved) == ERR_OK);
            run_activity_put(run, saved);
        } else {
            struct timer *present = run_timer(run, item->timer_id), *saved;
            if (present)
                forget_timer(run, present);
            must(timer_decode(t->arena, item->encoded, &saved) == ERR_OK);
            run_timer_put(run, saved);
        }
    }
}

void run_return_to(struct transition *t, const struct run_mark *mark)
{
    struct run *run = t->run;

    must(run_is_open(run));
    update_messages_undo(t);
    forget_added(run, mark->run.next_event_id);
    restore_items(t, mark->items);

    /* Heap bytes are set anew; arena, maps and lists stay what they have become. */
    struct run plain = mark->run;
    bytes_set(&run->cancel_request_id, mark->cancel_request_id);
    bytes_set(&run->sticky_queue, mark->sticky_queue);
    bytes_set(&run->worker_identity, mark->worker_identity);
    bytes_set(&run->worker_version_stamp, mark->worker_version_stamp);
    bytes_set(&run->memo, mark->memo);
    bytes_set(&run->search_attributes, mark->search_attributes);
    bytes_set(&run->deployment, mark->deployment);
    bytes_set(&run->used_versions, mark->used_versions);
    bytes_set(&run->used_builds, mark->used_builds);
    bytes_set(&run->reset_points, mark->reset_points);
    bytes_set(&run->buffered, mark->buffered);
    bytes_set(&run->wft.identity, mark->identity);
    plain.arena = run->arena;
    plain.activities = run->activities;
    plain.timers = run->timers;
    plain.changed_activities = run->changed_activities;
    plain.changed_timers = run->changed_timers;
    plain.changed_signals = run->changed_signals;
    plain.activity_ids = run->activity_ids;
    plain.activity_deadlines = run->activity_deadlines;
    plain.timer_deadlines = run->timer_deadlines;
    plain.callback_deadlines = run->callback_deadlines;
    plain.changed_children = run->changed_children;
    plain.changed_externals = run->changed_externals;
    plain.changed_callbacks = run->changed_callbacks;
    plain.changed_attached = run->changed_attached;
    plain.activities_bytes = run->activities_bytes;
    plain.relations_bytes = run->relations_bytes;
    memcpy(plain.external_counts, run->external_counts, sizeof plain.external_counts);
    plain.children = run->children;
    plain.externals = run->externals;
    plain.callbacks = run->callbacks; /* no command changes them, the override, the priority */
    plain.attached_requests = run->attached_requests;
    plain.priority = run->priority;
    plain.versioning_override = run->versioning_override;
    plain.signal_request_ids = run->signal_request_ids;
    plain.updates = run->updates;
    plain.active_updates = run->active_updates;
    plain.dirty_updates = run->dirty_updates;
    plain.cancel_request_id = run->cancel_request_id;
    plain.sticky_queue = run->sticky_queue;
    plain.worker_identity = run->worker_identity;
    plain.worker_version_stamp = run->worker_version_stamp;
    plain.memo = run->memo;
    plain.search_attributes = run->search_attributes;
    plain.deployment = run->deployment;
    plain.used_versions = run->used_versions;
    plain.used_builds = run->used_builds;
    plain.reset_points = run->reset_points;
    plain.buffered = run->buffered;
    plain.shown_pauses = run->shown_pauses;
    plain.pause_identity = run->pause_identity;
    plain.pause_reason = run->pause_reason;
    plain.pause_request_id = run->pause_request_id;
    plain.wft.identity = run->wft.identity;
    *run = plain;
    list_init(&run->dropped_items);

    t->events.len = mark->events_len;
    t->first_event_id = mark->first_event_id;
    t->event_count = mark->event_count;
    t->counted_next_id = run->next_event_id;
    t->changes = mark->changes;
    t->change_cap = mark->change_count + 1;
    t->change_count = mark->change_count;
    t->outgoing_count = mark->outgoing_count;
    t->closed = t->visibility_changed = false;
    t->workflow_task_needed = false;
    t->commands_running = false;
    t->deferred = SLICE_EMPTY;
    t->deferred_count = 0;
    t->command = NULL;
}
