/* engine_rig_reset.h - the part of engine_rig.h that resets the run.
 *
 *   reset=EVENT[/EXCLUDED]  to an event of the run's history, the fork; EXCLUDED: a set of
 *                           RESET_REAPPLY_EXCLUDE_TYPE_*, one bit each. The rig goes on with the
 * new run. Where the fork is not allowed nothing happens.
 *
 * The rig keeps whole histories, so that what the shard leaves in the base's nodes stands at the
 * front of the new run's. */
#ifndef GNOMON_ENGINE_RIG_RESET_H
#define GNOMON_ENGINE_RIG_RESET_H

#include "history/engine/reset.h"

/* The events before `fork`, and of those behind what comes again. */
static void rig_cut(struct rig *rig, int64_t fork, uint32_t excluded, struct slice *before,
                    struct buf *returning)
{
    struct wire_reader reader = wire_reader(buf_slice(&rig->history));
    struct wire_field field;
    size_t count;
    api_history_event **events =
        engine_decode_events(&rig->arena, buf_slice(&rig->history), &count);

    *before = buf_slice(&rig->history);
    must(events != NULL);
    for (size_t i = 0; i < count && wire_next(&reader, &field); i++) {
        if (events[i]->event_id == fork)
            before->len = (size_t)(field.raw.ptr - before->ptr);
        if (events[i]->event_id >= fork && reset_event_returns(events[i], excluded))
            buf_append_slice(returning, field.raw);
    }
}

static void rig_returns(struct rig *rig, struct slice events, uint32_t excluded, struct buf *out)
{
    struct wire_reader reader = wire_reader(events);
    struct wire_field field;
    size_t count;
    api_history_event **list = engine_decode_events(&rig->arena, events, &count);

    must(list != NULL);
    for (size_t i = 0; i < count && wire_next(&reader, &field); i++)
        if (reset_event_returns(list[i], excluded))
            buf_append_slice(out, field.raw);
}

/* NULL: the run can't be reset to that. */
static struct rebuilding *rig_rebuild_to(struct rig *rig, const char *run_id, int64_t fork,
                                         struct slice before)
{
    struct rebuilding *rebuilding = rebuild_new(run_id, rig->run->start_request_id, true);
    struct err_detail detail = {0};
    struct arena scratch;
    const char *why;

    arena_init(&scratch);
    check_ok(rebuild_add(rebuilding, &scratch, before, &why));
    arena_release(&scratch);
    if (reset_check_run(rebuilding, fork, &rig->limits, &detail) == ERR_OK)
        return rebuilding;
    rebuild_free(rebuilding);
    return NULL;
}

static void rig_reset_to(struct rig *rig, const char *word, const char *args)
{
    api_reset_workflow_execution_request *request =
        engine_message(&rig->arena, &api_reset_workflow_execution_request__desc);
    const int64_t fork = strtoll(args, NULL, 10);
    const char *slash = strchr(args, '/');
    const uint32_t excluded = slash ? (uint32_t)strtoul(slash + 1, NULL, 10) : 0;
    char run_id[UUID_TEXT_LEN + 1];
    struct slice before;
    struct buf returning;
    struct transition t;

    request->workflow_task_finish_event_id = fork;
    request->reason = arena_str(&rig->arena, SLICE_LIT("again"));
    request->request_id = arena_printf(&rig->arena, "reset-%llu", (unsigned long long)rig->row_seq);
    if (reset_check_request(request, rig->run->next_event_id, &rig->detail) != ERR_OK)
        return;
    buf_init(&returning, 0);
    rig_cut(rig, fork, excluded, &before, &returning);
    before = arena_copy(&rig->arena, before);
    uuid_v7(&rig->rng, rig->now_ns / NS_PER_MS, run_id);
    struct rebuilding *rebuilding = rig_rebuild_to(rig, run_id, fork, before);
    if (!rebuilding) {
        buf_release(&returning);
        return;
    }
    rig_begin(rig, &t);
    engine_note_reset(&t, run_id);
    if (run_is_open(rig->run)) {
        check_ok(engine_terminate_for_reset(&t, request->reason));
        rig_returns(rig, buf_slice(&t.events), excluded, &returning);
    }
    struct transition *next = ARENA_NEW(&rig->arena, struct transition);
    rig_begin(rig, next);
    next->run = rebuild_take(rebuilding);
    const struct engine_reset what = {.request = request,
                                      .base = rig->run,
                                      .current = rig->run,
                                      .rebuilding = rebuilding,
                                      .fork_event_id = fork,
                                      .history_size_bytes = (int64_t)before.len,
                                      .returning = buf_slice(&returning)};
    check_ok(engine_reset(next, &what));
    check_slice(slice_str(next->run->run_id), slice_str(run_id));
    t.next = next;
    rig->shared = before;
    rig->pending_count = 0; /* nobody waits for an update of the new run */
    rig_end(rig, &t, word, ERR_OK);
    rebuild_free(rebuilding);
    buf_release(&returning);
}

#endif
