/* auto_reset.c - runs that went on with a binary that is bad are reset to where it came to them.
 *
 * Each step of an open run looks whether its namespace calls one of the binaries bad that completed
 * workflow tasks of it. Then a reset of ours follows once the step is durable. What a crash, or a
 * full queue, takes away comes again with the next step of the run.
 *
 * Spec: a run with pending children is left alone, and so is one that is not the current one of its
 * workflow any more; the reason is the one that was given for the binary. */
#include "history/shard/shard_int.h"

#include "history/engine/reset_points.h"

#include <stdlib.h>

enum {
    WAITING_MAX = 10000,
    AT_A_TIME_MAX = 50, /* resets under way, whoever asked: clients need room as well */
};

struct hs_auto_reset {
    struct list node; /* in shard->auto_resets */
    int64_t seq;      /* of the step */
    uint8_t tablet;
    char run_id[UUID_TEXT_LEN + 1];
};

void hs_auto_resets_init(struct history_shard *shard)
{
    list_init(&shard->auto_resets);
}

static void drop_first(struct history_shard *shard)
{
    struct list *first = list_pop_front(&shard->auto_resets);

    must(shard->auto_reset_count > 0);
    shard->auto_reset_count--;
    free(CONTAINER_OF(first, struct hs_auto_reset, node));
}

void hs_auto_resets_release(struct history_shard *shard)
{
    while (!list_empty(&shard->auto_resets))
        drop_first(shard);
}

/* Gives false when the run is to go on as it does. */
static bool find_point(struct history_shard *shard, const struct run *run, struct arena *arena,
                       struct reset_point *out)
{
    const struct history_namespaces *namespaces = shard->options.namespaces;
    struct slice bad;

    if (!namespaces || !namespaces->bad_binaries_of || run->reset_points.len == 0 ||
        run->children.count > 0)
        return false;
    return namespaces->bad_binaries_of(namespaces->engine.arg, run->namespace_id, arena, &bad) ==
               ERR_OK &&
           bad.len > 0 && run_bad_reset_point(run, arena, bad, hs_now_ns(shard), out);
}

void hs_auto_reset_look(struct history_shard *shard, struct hs_request *req,
                        const struct hs_entry *entry, int64_t seq)
{
    struct reset_point point;

    if (!run_is_open(entry->run) || shard->auto_reset_count >= WAITING_MAX ||
        !find_point(shard, entry->run, &req->arena, &point))
        return;
    LIST_EACH(it, &shard->auto_resets)
    {
        struct hs_auto_reset *known = CONTAINER_OF(it, struct hs_auto_reset, node);

        if (strcmp(known->run_id, entry->run_id) == 0)
            return;
    }
    struct hs_auto_reset *reset = calloc(1, sizeof *reset);
    must(reset != NULL);
    reset->seq = seq;
    reset->tablet = entry->tablet;
    memcpy(reset->run_id, entry->run_id, sizeof reset->run_id);
    list_push_back(&shard->auto_resets, &reset->node);
    shard->auto_reset_count++;
}

/* A request of ours; its answer is for nobody. */
static void ask(struct history_shard *shard, struct hs_request *req, const struct run *run,
                const struct reset_point *point)
{
    struct arena *arena = &req->arena;
    char request_id[UUID_TEXT_LEN + 1];
    api_reset_workflow_execution_request *request =
        ARENA_NEW(arena, api_reset_workflow_execution_request);

    *request = (api_reset_workflow_execution_request)API_RESET_WORKFLOW_EXECUTION_REQUEST_INIT;
    uuid_v7(&shard->rng, hs_now_ns(shard) / NS_PER_MS, request_id);
    request->request_id = arena_str(arena, slice_str(request_id));
    request->reason = arena_str(arena, slice_str(point->reason));
    request->workflow_task_finish_event_id = point->event_id;
    req->message = request;
    req->extra = arena_str(arena, slice_str(run->run_id));
    req->api.namespace_id = req->namespace_id = arena_copy(arena, run->namespace_id);
    req->api.namespace_name = arena_copy(arena, run->namespace_name);
    req->workflow_id = arena_copy(arena, run->workflow_id);
    req->tablet = run->tablet;
    memcpy(req->run_id, point->run_id, sizeof req->run_id);
    req->step = hs_step_reset;
    log_info(shard->options.log, "a workflow is reset: its binary is bad",
             F_SLICE("namespace", run->namespace_name), F_SLICE("workflow_id", run->workflow_id),
             F_STR("run_id", run->run_id), F_STR("base_run_id", point->run_id),
             F_I64("event_id", point->event_id));
    hs_with_run(shard, req);
}

static void step_begin(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry)
{
    struct reset_point point;

    if (hs_reset_holds(shard, entry->run->namespace_id, entry->run->workflow_id) ||
        !find_point(shard, entry->run, &req->arena, &point))
        hs_answer(shard, req, ERR_OK, SLICE_EMPTY, 0);
    else
        ask(shard, req, entry->run, &point);
}

void hs_auto_resets_run(struct history_shard *shard)
{
    while (!list_empty(&shard->auto_resets) && shard->reset_count < AT_A_TIME_MAX) {
        const struct hs_auto_reset *first =
            CONTAINER_OF(shard->auto_resets.next, struct hs_auto_reset, node);
        struct hs_request *req;

        if (first->seq > shard->durable || shard->draining || shard->lost || shard->closing ||
            !(req = hs_request_new(shard, (struct mesh_addr){0})))
            return;
        memcpy(req->run_id, first->run_id, sizeof req->run_id);
        req->tablet = first->tablet;
        req->step = step_begin;
        drop_first(shard);
        hs_with_run(shard, req);
    }
}
