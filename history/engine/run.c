/* run.c - the life of a run's mutable state in memory. */
#include "history/engine/run.h"

#include "history/engine/activity.h"
#include "history/engine/callback.h"
#include "history/engine/child.h"
#include "history/engine/engine_int.h"
#include "history/engine/timer.h"
#include "history/engine/update_item.h"

#include <stdlib.h>

enum { MAP_SEED = 0x5eed, CARRIED_MAX = 1000 };
static const int64_t CARRIED_AGE_NS = 120 * NS_PER_S;

struct run *run_new(void)
{
    struct run *run = calloc(1, sizeof(*run));

    must(run != NULL);
    arena_init(&run->arena);
    run->kind = EXECUTION_WORKFLOW;
    map_init(&run->activities, MAP_SEED);
    map_init(&run->timers, MAP_SEED);
    map_init(&run->children, MAP_SEED);
    map_init(&run->externals, MAP_SEED);
    map_init(&run->updates, MAP_SEED);
    map_init(&run->callbacks, MAP_SEED);
    map_init(&run->attached_requests, MAP_SEED);
    map_init(&run->signal_request_ids, MAP_SEED);
    list_init(&run->dropped_items);
    list_init(&run->active_updates);
    list_init(&run->dirty_updates);
    list_init(&run->changed_activities);
    list_init(&run->changed_timers);
    list_init(&run->changed_signals);
    list_init(&run->changed_children);
    list_init(&run->changed_externals);
    list_init(&run->changed_callbacks);
    list_init(&run->changed_attached);
    map_init(&run->activity_ids, MAP_SEED);
    heap_init(&run->activity_deadlines);
    heap_init(&run->timer_deadlines);
    heap_init(&run->callback_deadlines);
    run->start_request_id = "";
    run->next_event_id = 1;
    run->wft.attempt = 1;
    return run;
}

static void free_items(struct run *run)
{
    for (struct map_node *it = map_next(&run->activities, NULL), *next; it; it = next) {
        next = map_next(&run->activities, it);
        activity_free(CONTAINER_OF(it, struct activity, node));
    }
    for (struct map_node *it = map_next(&run->timers, NULL), *next; it; it = next) {
        next = map_next(&run->timers, it);
        timer_free(CONTAINER_OF(it, struct timer, node));
    }
    for (struct map_node *it = map_next(&run->children, NULL), *next; it; it = next) {
        next = map_next(&run->children, it);
        child_free(CONTAINER_OF(it, struct child, node));
    }
    for (struct map_node *it = map_next(&run->externals, NULL), *next; it; it = next) {
        next = map_next(&run->externals, it);
        external_free(CONTAINER_OF(it, struct external, node));
    }
    for (struct map_node *it = map_next(&run->callbacks, NULL), *next; it; it = next) {
        next = map_next(&run->callbacks, it);
        callback_free(CONTAINER_OF(it, struct callback, node));
    }
    for (struct map_node *it = map_next(&run->attached_requests, NULL), *next; it; it = next) {
        next = map_next(&run->attached_requests, it);
        attached_request_free(CONTAINER_OF(it, struct attached_request, node));
    }
    for (struct map_node *it = map_next(&run->signal_request_ids, NULL), *next; it; it = next) {
        next = map_next(&run->signal_request_ids, it);
        free(CONTAINER_OF(it, struct signal_request, node));
    }
}

void run_free(struct run *run)
{
    if (!run)
        return;
    free_items(run);
    map_release(&run->activities);
    map_release(&run->activity_ids);
    heap_release(&run->activity_deadlines);
    heap_release(&run->timer_deadlines);
    heap_release(&run->callback_deadlines);
    map_release(&run->timers);
    map_release(&run->children);
    map_release(&run->externals);
    run_updates_free(run);
    map_release(&run->callbacks);
    map_release(&run->attached_requests);
    map_release(&run->signal_request_ids);
    bytes_clear(&run->wft.identity);
    bytes_clear(&run->cancel_request_id);
    bytes_clear(&run->sticky_queue);
    bytes_clear(&run->worker_identity);
    bytes_clear(&run->worker_version_stamp);
    bytes_clear(&run->memo);
    bytes_clear(&run->search_attributes);
    bytes_clear(&run->deployment);
    bytes_clear(&run->used_versions);
    bytes_clear(&run->used_builds);
    bytes_clear(&run->reset_points);
    bytes_clear(&run->buffered);
    bytes_clear(&run->shown_pauses);
    bytes_clear(&run->pause_identity);
    bytes_clear(&run->pause_reason);
    bytes_clear(&run->pause_request_id);
    bytes_clear(&run->priority);
    bytes_clear(&run->versioning_override);
    arena_release(&run->arena);
    free(run);
}

size_t run_bytes(const struct run *run)
{
    size_t bytes = sizeof(*run) + run->arena.used_bytes + run->wft.identity.len +
                   run->sticky_queue.len + run->worker_identity.len +
                   run->worker_version_stamp.len + run->memo.len + run->search_attributes.len +
                   run->reset_points.len + run->buffered.len + run->shown_pauses.len;

    bytes += run->activities_bytes + run->relations_bytes + run_updates_bytes(run);
    bytes += run->externals.count * (sizeof(struct external) + 64);
    bytes += run->attached_requests.count * (sizeof(struct attached_request) + 64);
    bytes += run->timers.count * (sizeof(struct timer) + 64);
    bytes += run->signal_request_ids.count * (sizeof(struct signal_request) + 64);
    return bytes;
}

void run_signal_request_add(struct run *run, struct slice request_id, int64_t at_ns, bool dirty)
{
    struct signal_request *signal = malloc(sizeof(*signal) + request_id.len);

    must(signal != NULL);
    memset(signal, 0, sizeof(*signal));
    uint8_t *copy = (uint8_t *)(signal + 1);
    if (request_id.len > 0)
        memcpy(copy, request_id.ptr, request_id.len);
    signal->id = slice_of(copy, request_id.len);
    signal->at_ns = at_ns;
    list_init(&signal->changed);
    if (dirty)
        list_push_back(&run->changed_signals, &signal->changed);
    map_put(&run->signal_request_ids, signal->id, &signal->node);
    run->relations_bytes += signal->id.len;
}

static int later_first(const void *a, const void *b)
{
    const int64_t x = (*(const struct signal_request *const *)a)->at_ns;
    const int64_t y = (*(const struct signal_request *const *)b)->at_ns;

    return x < y ? 1 : x > y ? -1 : 0;
}

void run_signal_requests_carry(const struct run *from, struct run *to, int64_t now_ns)
{
    const struct signal_request **recent =
        calloc(from->signal_request_ids.count + 1, sizeof(*recent));
    size_t count = 0;

    must(recent != NULL);
    for (struct map_node *it = map_next(&from->signal_request_ids, NULL); it;
         it = map_next(&from->signal_request_ids, it)) {
        const struct signal_request *signal = CONTAINER_OF(it, struct signal_request, node);

        if (signal->at_ns > now_ns - CARRIED_AGE_NS)
            recent[count++] = signal;
    }
    qsort(recent, count, sizeof(*recent), later_first);
    for (size_t i = 0; i < count && i < CARRIED_MAX; i++)
        run_signal_request_add(to, recent[i]->id, recent[i]->at_ns, true);
    free(recent);
}
