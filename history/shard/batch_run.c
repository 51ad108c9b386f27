/* batch_run.c - a batch job on its way over the executions: a page is gathered from all shards,
 * each of its executions is asked of its owner, then the cursor moves.
 *
 *   COUNT -> LIST -> WORK -> SAVE -> LIST ... SAVE -> ENDED
 *
 * 1. What the row says is what is whole: the pages before the cursor. A job that is taken up again
 *    does its page once more; a request id of the job and the execution makes that harmless.
 * 2. The order is that of the list. An execution that moves in it meanwhile, because it closes, may
 *    be met twice, and then is asked for the same thing with the same request id. A job that resets
 *    remembers what it has met, too; after a crash the request id alone has to do. */
#include "history/shard/batches_int.h"

#include "common/proto/wire.h"

#include <stdlib.h>

void hs_batch_cancel(struct hs_batch_job *job)
{
    struct history_shard *shard = job->shard;

    for (uint32_t i = 0; i < shard->options.shard_count; i++)
        if (job->asks[i].call) {
            shard->net->cancel(shard->net->self, job->asks[i].call);
            job->asks[i].call = 0;
        }
    for (uint32_t i = 0; i < HS_BATCH_CALLS_MAX; i++)
        if (job->slots[i].call) {
            shard->net->cancel(shard->net->self, job->slots[i].call);
            job->slots[i].call = 0;
            job->slots[i].item = NULL;
        }
    job->asked = job->busy = 0;
}

struct batch_state hs_batch_progress(const struct hs_batch_job *job)
{
    struct batch_state state = job->state;

    if (job->phase == HS_BATCH_WORK || job->phase == HS_BATCH_SAVE) {
        state.success += job->page.success;
        state.failure += job->page.failure;
    }
    return state;
}

static void go_on(struct hs_batch_job *job, enum hs_batch_phase phase)
{
    job->phase = phase;
    job->wake_ns = hs_mono_ns(job->shard);
}

static void later(struct hs_batch_job *job)
{
    job->wake_ns = hs_mono_ns(job->shard) + HS_BATCH_AGAIN_NS;
}

static void end(struct hs_batch_job *job, struct batch_state *state, int32_t how)
{
    state->state = how;
    state->close_ns = hs_now_ns(job->shard);
    if (hs_batch_stage(job, state) != ERR_OK) {
        later(job);
        return;
    }
    job->phase = HS_BATCH_ENDED;
    job->wake_ns = INT64_MAX;
}

/* Its filter is refused: no later attempt will do better. */
static void fail(struct hs_batch_job *job)
{
    struct batch_state state = hs_batch_progress(job);

    log_warn(job->shard->options.log, "a batch job has failed",
             F_SLICE("namespace", job->start.namespace_name), F_SLICE("job_id", job->start.job_id));
    end(job, &state, BATCH_OPERATION_STATE_FAILED);
    if (job->phase == HS_BATCH_ENDED)
        counter_add(job->shard->metrics.batches_failed, 1);
}

/* -- every shard is asked -------------------------------------------------------------------- */

static void all_answered(struct hs_batch_job *job);

static enum err take_count(struct hs_batch_job *job, struct slice body)
{
    api_count_workflow_executions_response *counted;
    const enum err err =
        proto_decode(&job->page_arena, &api_count_workflow_executions_response__desc,
                     arena_copy(&job->page_arena, body), &counted, NULL);

    if (err == ERR_OK)
        job->counted += counted->count;
    return err;
}

static void keep_found(struct hs_batch_job *job, const struct rpc_list_item *item)
{
    const struct slice execution = wire_find_bytes(item->info, 1);

    if (job->found_count == job->found_cap) {
        job->found_cap = job->found_cap ? job->found_cap * 2 : HS_BATCH_PAGE;
        job->found = realloc(job->found, job->found_cap * sizeof *job->found);
        must(job->found != NULL);
    }
    struct hs_batch_found *found = &job->found[job->found_count++];
    memcpy(found->order, item->order_key.ptr, sizeof found->order);
    found->workflow_id = arena_copy(&job->page_arena, wire_find_bytes(execution, 1));
    found->run_id = arena_copy(&job->page_arena, wire_find_bytes(execution, 2));
}

static enum err take_items(struct hs_batch_job *job, struct slice body)
{
    struct rpc_list_item *items;
    struct arena arena;
    uint32_t count = 0;
    bool more = false;

    arena_init(&arena);
    enum err err = rpc_list_items_decode(&arena, body, &items, &count, &more);
    for (uint32_t i = 0; err == ERR_OK && i < count; i++) {
        if (items[i].order_key.len != BATCH_CURSOR_BYTES)
            err = ERR_CORRUPT;
        else
            keep_found(job, &items[i]);
    }
    arena_release(&arena);
    job->more = job->more || more;
    return err;
}

static void shard_answered(void *arg, enum err err, const struct err_detail *detail,
                           struct slice body)
{
    struct hs_batch_ask *ask = arg;
    struct hs_batch_job *job = ask->job;
    struct history_shard *shard = job->shard;

    UNUSED(detail);
    ask->call = 0;
    if (err == ERR_OK)
        err = job->phase == HS_BATCH_COUNT ? take_count(job, body) : take_items(job, body);
    if (err != ERR_OK && job->ask_err != ERR_INVALID)
        job->ask_err = err;
    must(job->asked > 0);
    if (--job->asked == 0)
        all_answered(job);
    hs_batches_run(shard);
    hs_rearm(shard);
}

static void ask_all(struct hs_batch_job *job, enum mesh_method method)
{
    struct history_shard *shard = job->shard;
    const struct rpc_list list = {.namespace_id = job->start.namespace_id,
                                  .page_size = job->page_size,
                                  .after = method == METHOD_HISTORY_LIST_WORKFLOWS
                                               ? slice_of(job->state.cursor, job->state.cursor_len)
                                               : SLICE_EMPTY,
                                  .query = job->start.query};
    struct buf body;

    arena_reset(&job->page_arena);
    job->found_count = 0;
    job->counted = 0;
    job->more = false;
    job->ask_err = ERR_OK;
    buf_init(&body, 0);
    rpc_list_encode(&list, &body);
    must(buf_ok(&body));
    job->asked = shard->options.shard_count;
    for (uint32_t i = 0; i < shard->options.shard_count; i++)
        job->asks[i].call =
            shard->net->call(shard->net->self, MESH_SHARD(ROLE_HISTORY, i), method,
                             buf_slice(&body), HS_BATCH_CALL_MS, shard_answered, &job->asks[i]);
    buf_release(&body);
    job->wake_ns = INT64_MAX;
}

static int by_order(const void *a, const void *b)
{
    return memcmp(((const struct hs_batch_found *)a)->order,
                  ((const struct hs_batch_found *)b)->order, BATCH_CURSOR_BYTES);
}

/* A reset closes what it found open, which is then met once more among what is closed, and would be
 * reset again if it has continued as new meanwhile: it is passed over. */
static bool is_seen(struct hs_batch_job *job, const struct hs_batch_found *found)
{
    uint8_t run_id[16];

    if (job->request->operation_case != BATCH_OPERATION(RESET_OPERATION) ||
        !uuid_parse(found->run_id, run_id))
        return false;
    if (map_get(&job->seen, slice_of(run_id, sizeof run_id)))
        return true;
    if (job->seen.count < HS_BATCH_SEEN_MAX &&
        rpc_batch_is_open(slice_of(found->order, sizeof found->order))) {
        struct hs_batch_seen *seen = malloc(sizeof *seen);

        must(seen != NULL);
        memcpy(seen->run_id, run_id, sizeof run_id);
        map_put(&job->seen, slice_of(seen->run_id, sizeof run_id), &seen->node);
    }
    return false;
}

static void page_of_found(struct hs_batch_job *job)
{
    uint32_t count = 0;

    if (job->found_count > 0)
        qsort(job->found, job->found_count, sizeof *job->found, by_order);
    if (job->found_count > job->page_size) {
        job->found_count = job->page_size;
        job->more = true;
    }
    job->more = job->more && job->found_count > 0;
    struct batch_item *items =
        ARENA_ARRAY(&job->page_arena, struct batch_item, job->found_count ? job->found_count : 1);
    for (uint32_t i = 0; i < job->found_count; i++)
        if (!is_seen(job, &job->found[i]))
            items[count++].target =
                (struct batch_target){job->found[i].workflow_id, job->found[i].run_id};
    batch_page_init(&job->page, items, count);
}

static void all_answered(struct hs_batch_job *job)
{
    if (job->ask_err == ERR_INVALID) {
        fail(job);
    } else if (job->ask_err == ERR_BUSY && job->phase == HS_BATCH_LIST && job->page_size > 1) {
        job->page_size /= 2; /* a shard's page was too large */
        later(job);
    } else if (job->ask_err != ERR_OK) {
        later(job);
    } else if (job->phase == HS_BATCH_COUNT) {
        job->state.counted = true; /* staged with the first page */
        job->state.total = job->counted;
        go_on(job, HS_BATCH_LIST);
    } else {
        page_of_found(job);
        go_on(job, HS_BATCH_WORK);
    }
}

/* -- a list of executions -------------------------------------------------------------------- */

static size_t listed_count(const api_start_batch_operation_request *request)
{
    return request->n_target_executions ? request->n_target_executions : request->n_executions;
}

static void page_of_list(struct hs_batch_job *job)
{
    const api_start_batch_operation_request *request = job->request;
    const size_t all = listed_count(request);
    size_t from = job->state.cursor_len == 8 ? (size_t)be64_get(job->state.cursor) : 0;

    arena_reset(&job->page_arena);
    if (from > all)
        from = all;
    const uint32_t count = all - from < HS_BATCH_PAGE ? (uint32_t)(all - from) : HS_BATCH_PAGE;
    struct batch_item *items = ARENA_ARRAY(&job->page_arena, struct batch_item, count ? count : 1);
    for (uint32_t i = 0; i < count; i++) {
        struct batch_target *target = &items[i].target;

        if (request->n_target_executions) {
            target->workflow_id = slice_str(request->target_executions[from + i]->business_id);
            target->run_id = slice_str(request->target_executions[from + i]->run_id);
        } else {
            target->workflow_id = slice_str(request->executions[from + i]->workflow_id);
            target->run_id = slice_str(request->executions[from + i]->run_id);
        }
    }
    batch_page_init(&job->page, items, count);
    job->more = from + count < all;
    go_on(job, HS_BATCH_WORK);
}

/* -- one execution --------------------------------------------------------------------------- */

static void send(struct hs_batch_slot *slot);

static void slot_done(struct hs_batch_slot *slot, enum err err)
{
    struct hs_batch_job *job = slot->job;
    struct history_shard *shard = job->shard;

    batch_page_answered(&job->page, slot->item, err, slot->looking_up, hs_mono_ns(shard));
    counter_add(err == ERR_OK ? shard->metrics.batch_success : shard->metrics.batch_failures, 1);
    slot->item = NULL;
    must(job->busy > 0);
    job->busy--;
    job->wake_ns = hs_mono_ns(shard);
}

/* Gives true when the item is being asked for again: another page, or the operation itself. */
static bool look_further(struct hs_batch_slot *slot, struct slice body, enum err *err)
{
    struct hs_batch_job *job = slot->job;
    struct batch_item *item = slot->item;
    struct slice token;

    *err = batch_lookup_answered(&slot->arena, job->request, &item->target,
                                 arena_copy(&slot->arena, body), hs_now_ns(job->shard),
                                 &item->point, &token, NULL);
    if (*err != ERR_OK)
        return false;
    item->point.run_id = arena_copy(&job->page_arena, item->point.run_id);
    item->lookup_token = arena_copy(&job->page_arena, token);
    item->looked_up = token.len == 0;
    send(slot);
    return true;
}

static void on_answer(void *arg, enum err err, const struct err_detail *detail, struct slice body)
{
    struct hs_batch_slot *slot = arg;
    struct history_shard *shard = slot->job->shard;

    UNUSED(detail);
    slot->call = 0;
    if (err != ERR_OK || !slot->looking_up || !look_further(slot, body, &err))
        slot_done(slot, err);
    hs_batches_run(shard);
    hs_rearm(shard);
}

static void send(struct hs_batch_slot *slot)
{
    struct hs_batch_job *job = slot->job;
    struct history_shard *shard = job->shard;
    struct batch_item *item = slot->item;
    struct buf body;

    arena_reset(&slot->arena);
    slot->looking_up = batch_lookup_of(job->request) != BATCH_LOOKUP_NONE && !item->looked_up;
    const struct batch_call call =
        slot->looking_up
            ? batch_lookup_call(&slot->arena, job->request, &item->target, item->lookup_token)
            : batch_operation_call(&slot->arena, job->request, job->start.start_id, &item->target,
                                   &item->point);
    const struct rpc_api api = {.namespace_id = job->start.namespace_id,
                                .namespace_name = job->start.namespace_name,
                                .retention_s = job->start.retention_s,
                                .request = call.request};
    buf_init(&body, 0);
    rpc_api_encode(&api, &body);
    must(buf_ok(&body));
    const uint32_t owner = rpc_history_shard(job->start.namespace_id, item->target.workflow_id,
                                             shard->options.shard_count);
    slot->call = shard->net->call(shard->net->self, MESH_SHARD(ROLE_HISTORY, owner), call.method,
                                  buf_slice(&body), HS_BATCH_CALL_MS, on_answer, slot);
    buf_release(&body);
}

/* Of the setting and the job's own wish, the lower one. */
static double rate_of(const struct hs_batch_job *job)
{
    const double setting = (double)dynconf_int(
        job->shard->options.dynconf, DYNCONF_WORKER_BATCHER_RPS, job->start.namespace_name);
    const double wish = (double)job->request->max_operations_per_second;

    return wish > 0 && wish < setting ? wish : setting;
}

static uint32_t calls_max(const struct hs_batch_job *job)
{
    const int64_t setting = dynconf_int(
        job->shard->options.dynconf, DYNCONF_WORKER_BATCHER_CONCURRENCY, job->start.namespace_name);

    if (setting < 1)
        return 1;
    return setting < HS_BATCH_CALLS_MAX ? (uint32_t)setting : HS_BATCH_CALLS_MAX;
}

static struct hs_batch_slot *free_slot(struct hs_batch_job *job)
{
    for (uint32_t i = 0; i < HS_BATCH_CALLS_MAX; i++)
        if (!job->slots[i].item)
            return &job->slots[i];
    must(!"a slot is free when fewer are busy than there are");
    return NULL;
}

static void work(struct hs_batch_job *job)
{
    const int64_t now_ns = hs_mono_ns(job->shard);
    const uint32_t most = calls_max(job);
    struct batch_item *item;

    job->wake_ns = INT64_MAX;
    while (job->busy < most && (item = batch_page_next(&job->page, now_ns, &job->wake_ns))) {
        if (!batch_rate_take(&job->rate, rate_of(job), now_ns, &job->wake_ns))
            return;
        item->state = BATCH_ITEM_BUSY;
        if (item->target.workflow_id.len == 0) {
            batch_page_answered(&job->page, item, ERR_INVALID, false, now_ns);
            continue;
        }
        struct hs_batch_slot *slot = free_slot(job);
        slot->item = item;
        job->busy++;
        send(slot);
    }
    if (batch_page_done(&job->page))
        go_on(job, HS_BATCH_SAVE);
}

static void save(struct hs_batch_job *job)
{
    struct batch_state state = hs_batch_progress(job);

    if (!job->more) {
        end(job, &state, BATCH_OPERATION_STATE_COMPLETED);
        return;
    }
    if (job->start.query.len > 0) {
        state.cursor_len = BATCH_CURSOR_BYTES;
        memcpy(state.cursor, job->found[job->found_count - 1].order, BATCH_CURSOR_BYTES);
    } else {
        const uint64_t before = state.cursor_len == 8 ? be64_get(state.cursor) : 0;

        state.cursor_len = 8;
        be64_put(state.cursor, before + job->page.count);
    }
    if (hs_batch_stage(job, &state) != ERR_OK) {
        later(job);
        return;
    }
    job->page.success = job->page.failure = 0; /* counted */
    go_on(job, HS_BATCH_LIST);
}

void hs_batch_run(struct hs_batch_job *job)
{
    struct history_shard *shard = job->shard;

    while (job->state.close_ns == 0 && job->seq <= shard->durable &&
           job->wake_ns <= hs_mono_ns(shard)) {
        switch (job->phase) {
        case HS_BATCH_COUNT:
            if (job->start.query.len > 0) {
                ask_all(job, METHOD_HISTORY_COUNT_WORKFLOWS);
                break;
            }
            job->state.counted = true;
            job->state.total = (int64_t)listed_count(job->request);
            go_on(job, HS_BATCH_LIST);
            break;
        case HS_BATCH_LIST:
            if (job->start.query.len > 0)
                ask_all(job, METHOD_HISTORY_LIST_WORKFLOWS);
            else
                page_of_list(job);
            break;
        case HS_BATCH_WORK:
            work(job);
            break;
        case HS_BATCH_SAVE:
            save(job);
            break;
        case HS_BATCH_ENDED:
            return;
        }
    }
}
