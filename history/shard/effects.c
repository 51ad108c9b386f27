/* effects.c - what other executions ask of our runs: carried out once, whatever is repeated.
 *
 * 1. The outcome of a start, a signal or a request to cancel is kept in a row that joins the
 *    record of what was done; a repeat gets the kept outcome. In memory is a window of these rows.
 * 2. Repeats of an effect that is being carried out wait for it.
 * 3. The highest lease of each source shard is kept in a row; what comes from a lower one is
 *    refused: its owner was deposed, and the effect may be forgotten already.
 * 4. What was forgotten lately is remembered, so that a copy that was delayed in one of several
 *    connections finds no empty place.
 * 5. An outcome whose forget was lost is settled by asking the source: at open, and every hour. */
#include "history/shard/shard_int.h"

#include "common/base/hash.h"
#include "history/shard/effect_row.h"

#include <stdlib.h>

enum {
    KEPT_MAX = 1024, /* outcomes in memory */
    GONE_MAX = 65536,
    SETTLE_ROWS = 256, /* of one step */
    ASK_TIMEOUT_MS = 10000,
};
#define GONE_NS (600 * NS_PER_S)
#define SETTLE_AGE_NS (300 * NS_PER_S)
#define SETTLE_EVERY_NS (3600 * NS_PER_S)
#define SETTLE_SOON_NS NS_PER_S

/* An outcome, or an effect that is being carried out. */
struct hs_kept {
    struct map_node node; /* by row key */
    struct list lru;      /* alone while busy */
    struct list waiting;  /* requests: repeats */
    bool busy;
    int64_t seq;
    struct slice outcome; /* encoded, heap */
    size_t key_len;
    uint8_t key[];
};

struct hs_gone {
    struct map_node node; /* by hash of the row key */
    struct list link;
    int64_t until_mono_ns;
};

/* What a request of an effect carries along. */
struct work {
    struct rpc_effect effect;
    struct row_key key;
    struct hs_kept *kept; /* NULL: of a kind without */
    struct slice outcome;
};

static bool outcome_is_kept(enum rpc_effect_kind kind)
{
    return kind == EFFECT_START_CHILD || kind == EFFECT_SIGNAL || kind == EFFECT_CANCEL;
}

/* -- outcomes in memory --------------------------------------------------------------------- */

static struct hs_kept *kept_find(struct history_shard *shard, const struct row_key *key)
{
    struct map_node *node = map_get(&shard->effects.kept, row_key_slice(key));

    return node ? CONTAINER_OF(node, struct hs_kept, node) : NULL;
}

static struct hs_kept *kept_new(struct history_shard *shard, const struct row_key *key)
{
    struct hs_kept *kept = calloc(1, sizeof *kept + key->len);

    must(kept != NULL);
    memcpy(kept->key, key->bytes, key->len);
    kept->key_len = key->len;
    kept->busy = true;
    list_init(&kept->lru);
    list_init(&kept->waiting);
    map_put(&shard->effects.kept, slice_of(kept->key, kept->key_len), &kept->node);
    return kept;
}

static void kept_free(struct history_shard *shard, struct hs_kept *kept)
{
    must(list_empty(&kept->waiting));
    list_remove(&kept->lru);
    map_remove(&shard->effects.kept, &kept->node);
    free((void *)(uintptr_t)kept->outcome.ptr);
    free(kept);
}

static void kept_set(struct history_shard *shard, struct hs_kept *kept, struct slice outcome,
                     int64_t seq)
{
    uint8_t *bytes = malloc(outcome.len);

    must(bytes != NULL && kept->busy);
    memcpy(bytes, outcome.ptr, outcome.len);
    kept->outcome = slice_of(bytes, outcome.len);
    kept->seq = seq;
    kept->busy = false;
    list_push_back(&shard->effects.lru, &kept->lru);
}

/* Those whose rows can be read need not be here. */
static void kept_trim(struct history_shard *shard)
{
    while (shard->effects.kept.count > KEPT_MAX && !list_empty(&shard->effects.lru)) {
        struct hs_kept *kept = CONTAINER_OF(shard->effects.lru.next, struct hs_kept, lru);

        if (kept->seq > shard->durable)
            return;
        kept_free(shard, kept);
    }
}

/* -- what was forgotten --------------------------------------------------------------------- */

static uint64_t gone_hash(const struct row_key *key)
{
    return hash_bytes(row_key_slice(key), 0);
}

static bool is_gone(struct history_shard *shard, const struct row_key *key)
{
    return map_get_u64(&shard->effects.gone, gone_hash(key)) != NULL;
}

static void gone_drop_first(struct history_shard *shard)
{
    struct hs_effects *e = &shard->effects;
    struct hs_gone *gone = CONTAINER_OF(list_pop_front(&e->gone_list), struct hs_gone, link);

    map_remove(&e->gone, &gone->node);
    free(gone);
}

static void gone_trim(struct history_shard *shard)
{
    struct hs_effects *e = &shard->effects;

    while (!list_empty(&e->gone_list)) {
        const struct hs_gone *first = CONTAINER_OF(e->gone_list.next, struct hs_gone, link);

        if (e->gone.count <= GONE_MAX && first->until_mono_ns > hs_mono_ns(shard))
            return;
        gone_drop_first(shard);
    }
}

static void gone_add(struct history_shard *shard, const struct row_key *key)
{
    struct hs_effects *e = &shard->effects;
    const uint64_t hash = gone_hash(key);

    if (map_get_u64(&e->gone, hash))
        return;
    struct hs_gone *gone = calloc(1, sizeof *gone);
    must(gone != NULL);
    gone->until_mono_ns = hs_mono_ns(shard) + GONE_NS;
    map_put_u64(&e->gone, hash, &gone->node);
    list_push_back(&e->gone_list, &gone->link);
    gone_trim(shard);
}

/* -- leases --------------------------------------------------------------------------------- */

/* L source-shard(4), in the shard's first tablet; the value is the lease (8). */
static void lease_key(struct row_key *key, uint8_t first_tablet, uint32_t source_shard)
{
    key->bytes[0] = first_tablet;
    key->bytes[1] = 'L';
    be32_put(key->bytes + 2, source_shard);
    key->len = 6;
}

static enum err read_leases(struct store_snapshot *snapshot, void *arg)
{
    struct history_shard *shard = arg;
    enum err err = ERR_OK;
    struct arena arena;

    arena_init(&arena);
    for (uint32_t i = 0; i < shard->options.shard_count && err == ERR_OK; i++) {
        struct row_key key;
        struct slice value;
        bool found;

        lease_key(&key, shard->first_tablet, i);
        err = store_get(snapshot, STORE_MAIN, row_key_slice(&key), &arena, &value, &found);
        if (err == ERR_OK && found)
            shard->effects.leases[i] = value.len == 8 ? (int64_t)be64_get(value.ptr) : 0;
    }
    arena_release(&arena);
    return err;
}

static enum err check_lease(struct history_shard *shard, struct hs_request *req,
                            const struct rpc_effect *effect)
{
    struct row_key key;
    uint8_t value[8];
    int64_t seq;

    if (effect->source_shard >= shard->options.shard_count || effect->source_lease > INT64_MAX)
        return err_fail(&req->detail, ERR_INVALID, "no such source shard or lease");
    const int64_t lease = (int64_t)effect->source_lease;
    int64_t *highest = &shard->effects.leases[effect->source_shard];
    if (lease < *highest)
        return err_fail(&req->detail, ERR_STALE, "the source shard has a newer owner");
    if (lease == *highest)
        return ERR_OK;
    lease_key(&key, shard->first_tablet, effect->source_shard);
    be64_put(value, effect->source_lease);
    const struct store_op op = {STORE_PUT, STORE_MAIN, row_key_slice(&key),
                                slice_of(value, sizeof value)};
    const enum err err = store_stage(shard->store, &op, 1, true, &seq);
    if (err == ERR_OK)
        *highest = lease; /* whatever follows is staged behind it */
    return err;
}

/* -- the end of an effect ------------------------------------------------------------------- */

static struct slice encoded(struct arena *arena, const struct rpc_effect_outcome *outcome)
{
    struct buf buf;

    buf_init(&buf, 0);
    rpc_effect_outcome_encode(outcome, &buf);
    const struct slice bytes = arena_copy(arena, buf_slice(&buf));
    buf_release(&buf);
    return bytes;
}

void hs_effect_keep(struct history_shard *shard, struct hs_request *req,
                    const struct rpc_effect_outcome *outcome)
{
    const struct work *work = req->extra;
    struct effect_row row = {.effect = work->effect, .outcome = *outcome};
    struct buf buf;

    if (!work->kept)
        return;
    row.created_ns = hs_now_ns(shard);
    buf_init(&buf, 0);
    effect_row_encode(&row, &buf);
    req->with = (struct store_op){STORE_INSERT, STORE_MAIN, row_key_slice(&work->key),
                                  arena_copy(&req->arena, buf_slice(&buf))};
    buf_release(&buf);
}

/* Answer the request and all that repeat it. */
static void finish(struct history_shard *shard, struct hs_request *req, enum err err,
                   struct slice outcome, int64_t seq)
{
    const struct work *work = req->extra;
    struct hs_kept *kept = work->kept;
    struct list waiting, *node;

    list_init(&waiting);
    if (kept) {
        while ((node = list_pop_front(&kept->waiting)))
            list_push_back(&waiting, node);
        if (err == ERR_OK)
            kept_set(shard, kept, outcome, seq);
        else
            kept_free(shard, kept);
    }
    while ((node = list_pop_front(&waiting))) {
        struct hs_request *repeat = CONTAINER_OF(node, struct hs_request, node);

        if (err != ERR_OK)
            err_fail(&repeat->detail, err, "%s", req->detail.text);
        hs_answer(shard, repeat, err,
                  err == ERR_OK ? arena_copy(&repeat->arena, outcome) : SLICE_EMPTY, seq);
    }
    hs_answer(shard, req, err, err == ERR_OK ? outcome : SLICE_EMPTY, seq);
    kept_trim(shard);
}

void hs_effect_done(struct history_shard *shard, struct hs_request *req, enum err err,
                    const struct rpc_effect_outcome *outcome, int64_t seq)
{
    finish(shard, req, err, err == ERR_OK ? encoded(&req->arena, outcome) : SLICE_EMPTY, seq);
}

void hs_effect_settle(struct history_shard *shard, struct hs_request *req,
                      const struct rpc_effect_outcome *outcome, int64_t seq)
{
    int64_t own_seq = 0;
    enum err err = ERR_OK;

    hs_effect_keep(shard, req, outcome);
    if (req->with.key.len)
        err = store_stage(shard->store, &req->with, 1, true, &own_seq);
    hs_effect_done(shard, req, err, outcome, own_seq > seq ? own_seq : seq);
}

bool hs_effect_was_forgotten(struct history_shard *shard, struct hs_request *req)
{
    const struct work *work = req->extra;

    if (!work->kept || !is_gone(shard, &work->key))
        return false;
    finish(shard, req, err_fail(&req->detail, ERR_STALE, "the effect was forgotten"), SLICE_EMPTY,
           0);
    return true;
}

/* -- carrying out --------------------------------------------------------------------------- */

static void refuse_effect(struct history_shard *shard, struct hs_request *req, bool no_namespace,
                          int64_t seq)
{
    const struct work *work = req->extra;
    struct rpc_effect_outcome outcome = {.failed = true};

    switch (work->effect.kind) {
    case EFFECT_START_CHILD:
        must(no_namespace);
        outcome.cause = START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_NAMESPACE_NOT_FOUND;
        break;
    case EFFECT_SIGNAL:
        outcome.cause =
            no_namespace
                ? SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_NAMESPACE_NOT_FOUND
                : SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND;
        break;
    case EFFECT_CANCEL:
        outcome.cause =
            no_namespace
                ? CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_NAMESPACE_NOT_FOUND
                : CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND;
        break;
    case EFFECT_CHILD_CLOSED:
    case EFFECT_PARENT_CLOSED:
        outcome.failed = false; /* nobody is left whom it concerns */
        break;
    }
    hs_effect_settle(shard, req, &outcome, seq);
}

static void run_failed(struct history_shard *shard, struct hs_request *req, enum err err)
{
    req->with = (struct store_op){0};
    if (err == ERR_NOT_FOUND)
        refuse_effect(shard, req, false, 0);
    else
        finish(shard, req, err, SLICE_EMPTY, 0);
}

static void with_current(struct history_shard *shard, struct hs_request *req)
{
    req->run_id[0] = '\0';
    hs_with_run(shard, req);
}

/* The current run was meant, and it went on as another one while the request waited. */
static bool moved_on(struct history_shard *shard, struct hs_request *req,
                     const struct hs_entry *entry)
{
    const struct work *work = req->extra;

    if (work->effect.target_run_id.len || run_is_open(entry->run))
        return false;
    struct hs_current *current = hs_current_get(shard, req);
    if (current->loading) {
        hs_current_wait(current, req, with_current);
        return true;
    }
    if (!current->exists || strcmp(current->run.run_id, entry->run_id) == 0)
        return false;
    with_current(shard, req);
    return true;
}

static void step_effect(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry)
{
    const struct work *work = req->extra;
    const struct engine_limit limit = hs_take_limit(req);
    struct rpc_effect_outcome outcome = {0};
    int64_t seq = entry->seq;
    struct transition t;

    if (hs_effect_was_forgotten(shard, req) || moved_on(shard, req, entry))
        return;
    if (work->effect.kind == EFFECT_CHILD_CLOSED && !run_is_open(entry->run) &&
        entry->run
            ->reset_run_id[0]) { /* the parent goes on as that run, and its children with it */
        memcpy(req->run_id, entry->run->reset_run_id, sizeof req->run_id);
        hs_with_run(shard, req);
        return;
    }
    hs_begin(shard, req, entry->run, &t);
    hs_end_for_limit(&t, &limit);
    enum err err = engine_effect_apply(&t, &work->effect, &outcome);
    must(err == ERR_OK || !t.closed); /* what a run can't take now, a closed one can */
    if (err == ERR_OK && hs_steps_again_for_limit(shard, req, entry, &t, step_effect))
        return;
    if (err == ERR_OK) {
        hs_effect_keep(shard, req, &outcome);
        err = hs_commit(shard, req, &(struct hs_change){entry, &t, false}, 1);
    }
    if (err == ERR_OK)
        seq = entry->seq;
    transition_release(&t);
    hs_effect_done(shard, req, err, &outcome, seq);
}

static void carry_out(struct history_shard *shard, struct hs_request *req)
{
    const struct work *work = req->extra;

    if (hs_effect_was_forgotten(shard, req))
        return;
    if (outcome_is_kept(work->effect.kind) && hs_namespace_is_gone(shard, req->namespace_id)) {
        refuse_effect(shard, req, true, 0);
        return;
    }
    if (work->effect.kind == EFFECT_START_CHILD) {
        hs_start_child(shard, req, &work->effect);
        return;
    }
    req->step = step_effect;
    req->failed = run_failed;
    hs_with_run(shard, req);
}

/* -- the kept outcome ----------------------------------------------------------------------- */

struct kept_job {
    struct hs_job job;
    struct row_key key;
    struct arena arena;
    struct slice value;
    bool found;
};

static enum err kept_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct kept_job *job = CONTAINER_OF(arg, struct kept_job, job);

    return store_get(snapshot, STORE_MAIN, row_key_slice(&job->key), &job->arena, &job->value,
                     &job->found);
}

static void kept_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct kept_job *job = CONTAINER_OF(arg, struct kept_job, job);
    struct hs_request *req = job->job.req;
    struct effect_row row;

    if (err == ERR_OK && job->found)
        err = effect_row_decode(&job->arena, job->value, &row);
    if (err == ERR_CANCELED)
        err = ERR_UNAVAILABLE;
    if (err != ERR_OK) {
        finish(shard, req, err_fail(&req->detail, err, "the effect's row can't be read"),
               SLICE_EMPTY, 0);
    } else if (job->found && !hs_effect_was_forgotten(shard, req)) {
        counter_add(shard->metrics.effects_repeated, 1);
        hs_effect_done(shard, req, ERR_OK, &row.outcome, 0);
    } else if (!job->found) {
        carry_out(shard, req);
    }
    arena_release(&job->arena);
    free(job);
}

static void look_up(struct history_shard *shard, struct hs_request *req, struct work *work)
{
    struct hs_kept *kept = kept_find(shard, &work->key);

    if (kept) {
        counter_add(shard->metrics.effects_repeated, 1);
        if (kept->busy)
            list_push_back(&kept->waiting, &req->node);
        else
            hs_answer(shard, req, ERR_OK, arena_copy(&req->arena, kept->outcome), kept->seq);
        return;
    }
    struct kept_job *job = calloc(1, sizeof *job);
    must(job != NULL);
    work->kept = kept_new(shard, &work->key);
    job->key = work->key;
    job->job.req = req;
    job->job.read = kept_read;
    job->job.done = kept_done;
    arena_init(&job->arena);
    hs_read(shard, &job->job);
}

/* -- the mesh methods ----------------------------------------------------------------------- */

static bool key_of(const struct rpc_effect *effect, struct row_key *key)
{
    uint8_t uuid[16];

    if (!uuid_parse(effect->source_run_id, uuid) ||
        !uuid_parse(effect->target_namespace_id, uuid) || effect->target_workflow_id.len == 0 ||
        effect->target_workflow_id.len > 1000 || effect->initiated_event_id < 1)
        return false;
    row_key_effect(key, hash_tablet(effect->target_namespace_id, effect->target_workflow_id),
                   effect);
    return true;
}

static enum err want_target(struct history_shard *shard, struct hs_request *req, struct work *work)
{
    const struct rpc_effect *effect = &work->effect;
    uint8_t uuid[16];

    if (!key_of(effect, &work->key) ||
        (effect->target_run_id.len && !uuid_parse(effect->target_run_id, uuid)))
        return err_fail(&req->detail, ERR_INVALID, "malformed effect");
    req->namespace_id = effect->target_namespace_id;
    req->workflow_id = effect->target_workflow_id;
    req->tablet = work->key.bytes[0];
    if (!hs_owns_tablet(shard, req->tablet))
        return err_fail(&req->detail, ERR_NOT_OWNER, "the workflow is of another shard");
    if (effect->target_run_id.len)
        uuid_format(uuid, req->run_id);
    return check_lease(shard, req, effect);
}

void hs_effect(struct history_shard *shard, struct hs_request *req)
{
    struct work *work = ARENA_NEW(&req->arena, struct work);
    enum err err = rpc_effect_decode(&req->arena, req->api.request, &work->effect);

    if (err == ERR_OK)
        err = want_target(shard, req, work);
    if (err != ERR_OK) {
        hs_answer(shard, req, err, SLICE_EMPTY, 0);
        return;
    }
    req->extra = work;
    req->makes_work = work->effect.kind == EFFECT_START_CHILD || work->effect.kind == EFFECT_SIGNAL;
    if (!outcome_is_kept(work->effect.kind))
        carry_out(shard, req);
    else if (is_gone(shard, &work->key))
        hs_answer(shard, req, err_fail(&req->detail, ERR_STALE, "the effect was forgotten"),
                  SLICE_EMPTY, 0);
    else
        look_up(shard, req, work);
}

/* Drop kept outcomes, in one record. Where that fails they are settled later. */
static void forget(struct history_shard *shard, const struct rpc_effect *effects, uint32_t count,
                   struct arena *arena)
{
    struct store_op *ops = ARENA_ARRAY(arena, struct store_op, count + 1);
    size_t op_count = 0;
    int64_t seq;

    for (uint32_t i = 0; i < count; i++) {
        struct row_key key;

        if (!outcome_is_kept(effects[i].kind) || !key_of(&effects[i], &key) ||
            !hs_owns_tablet(shard, key.bytes[0]))
            continue;
        ops[op_count++] = (struct store_op){STORE_DELETE, STORE_MAIN,
                                            arena_copy(arena, row_key_slice(&key)), SLICE_EMPTY};
    }
    if (op_count == 0 || store_stage(shard->store, ops, op_count, true, &seq) != ERR_OK)
        return;
    for (size_t i = 0; i < op_count; i++) {
        struct row_key key = {.len = ops[i].key.len};

        memcpy(key.bytes, ops[i].key.ptr, ops[i].key.len);
        gone_add(shard, &key);
        struct hs_kept *kept = kept_find(shard, &key);
        if (kept && !kept->busy)
            kept_free(shard, kept);
    }
}

void hs_forget_effects(struct history_shard *shard, struct hs_request *req)
{
    struct rpc_effect *effects;
    uint32_t count;
    const enum err err = rpc_effects_decode(&req->arena, req->api.request, &effects, &count);

    if (err == ERR_OK)
        forget(shard, effects, count, &req->arena);
    hs_answer(shard, req, err, SLICE_EMPTY, 0);
}

/* -- outcomes whose forget was lost --------------------------------------------------------- */

struct ask {
    struct hs_settle *settle;
    uint64_t call; /* 0: answered */
    struct rpc_effect effect;
};

/* One walk over the kept rows, a page at a time. */
struct hs_settle {
    struct hs_job job;
    struct history_shard *shard;
    int64_t older_than_ns;
    uint8_t first_tablet;
    uint32_t tablet, tablet_count;
    struct row_key after; /* the last row seen; len 0: from the tablet's start */
    uint32_t seen, ask_count, waiting;
    struct ask asks[SETTLE_ROWS];
    struct arena arena;
};

static bool visit_kept(void *arg, struct slice key, struct slice value)
{
    struct hs_settle *settle = arg;
    struct effect_row row;

    if (settle->seen == SETTLE_ROWS)
        return false;
    settle->seen++;
    settle->after.len = key.len;
    memcpy(settle->after.bytes, key.ptr, key.len);
    if (effect_row_decode(&settle->arena, arena_copy(&settle->arena, value), &row) == ERR_OK &&
        row.created_ns <= settle->older_than_ns)
        settle->asks[settle->ask_count++] = (struct ask){.settle = settle, .effect = row.effect};
    return true;
}

static enum err settle_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct hs_settle *settle = CONTAINER_OF(arg, struct hs_settle, job);

    while (settle->tablet < settle->tablet_count) {
        const uint8_t tablet = (uint8_t)(settle->first_tablet + settle->tablet);
        struct row_key from = settle->after, to = {.bytes = {tablet, 'E' + 1}, .len = 2};

        if (from.len == 0)
            from = (struct row_key){.bytes = {tablet, 'E'}, .len = 2};
        else
            from.bytes[from.len++] = 0; /* the least key behind it */
        const enum err err = store_scan(snapshot, STORE_MAIN, row_key_slice(&from),
                                        row_key_slice(&to), false, visit_kept, settle);
        if (err != ERR_OK || settle->seen == SETTLE_ROWS)
            return err;
        settle->tablet++;
        settle->after.len = 0;
    }
    return ERR_OK;
}

static void settle_end(struct history_shard *shard, bool whole)
{
    struct hs_settle *settle = shard->effects.settling;

    shard->effects.settling = NULL;
    shard->effects.settle_at_ns = hs_mono_ns(shard) + (whole ? SETTLE_EVERY_NS : SETTLE_AGE_NS);
    arena_release(&settle->arena);
    free(settle);
}

/* The answers to a page are there: go on, or that was all. */
static void settle_next(struct history_shard *shard)
{
    struct hs_settle *settle = shard->effects.settling;

    if (settle->tablet == settle->tablet_count || shard->draining || shard->lost ||
        shard->closing) {
        settle_end(shard, true);
        return;
    }
    arena_reset(&settle->arena);
    settle->seen = settle->ask_count = 0;
    hs_read(shard, &settle->job);
}

static void on_pending(void *arg, enum err err, const struct err_detail *detail, struct slice body)
{
    struct ask *ask = arg;
    struct hs_settle *settle = ask->settle;
    struct history_shard *shard = settle->shard;

    UNUSED(detail);
    UNUSED(body);
    ask->call = 0;
    if (err == ERR_NOT_FOUND)
        forget(shard, &ask->effect, 1, &settle->arena);
    must(settle->waiting > 0);
    if (--settle->waiting == 0)
        settle_next(shard);
    hs_rearm(shard);
}

static void settle_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct hs_settle *settle = CONTAINER_OF(arg, struct hs_settle, job);

    if (err != ERR_OK || shard->draining || shard->lost || shard->closing) {
        settle_end(shard, false);
        return;
    }
    settle->waiting = settle->ask_count;
    for (uint32_t i = 0; i < settle->ask_count; i++) {
        struct ask *ask = &settle->asks[i];
        const uint32_t source =
            rpc_history_shard(ask->effect.source_namespace_id, ask->effect.source_workflow_id,
                              shard->options.shard_count);
        struct buf body;

        buf_init(&body, 0);
        rpc_effect_encode(&ask->effect, &body);
        ask->call = shard->net->call(shard->net->self, MESH_SHARD(ROLE_HISTORY, source),
                                     METHOD_HISTORY_EFFECT_PENDING, buf_slice(&body),
                                     ASK_TIMEOUT_MS, on_pending, ask);
        buf_release(&body);
    }
    if (settle->ask_count == 0)
        settle_next(shard);
}

void hs_effects_run(struct history_shard *shard)
{
    struct hs_effects *e = &shard->effects;

    if (e->settling || e->settle_at_ns > hs_mono_ns(shard) || shard->draining)
        return;
    struct hs_settle *settle = calloc(1, sizeof *settle);
    must(settle != NULL);
    arena_init(&settle->arena);
    settle->shard = shard;
    settle->older_than_ns = hs_now_ns(shard) - SETTLE_AGE_NS;
    settle->first_tablet = shard->first_tablet;
    settle->tablet_count = shard->tablet_count;
    settle->job.read = settle_read;
    settle->job.done = settle_done;
    e->settling = settle;
    hs_read(shard, &settle->job);
}

int64_t hs_effects_next_mono_ns(const struct history_shard *shard)
{
    return shard->effects.settling || shard->draining ? INT64_MAX : shard->effects.settle_at_ns;
}

/* -- life ----------------------------------------------------------------------------------- */

void hs_effects_init(struct history_shard *shard)
{
    struct hs_effects *e = &shard->effects;

    map_init(&e->kept, rng_u64(&shard->rng));
    map_init(&e->gone, rng_u64(&shard->rng));
    list_init(&e->lru);
    list_init(&e->gone_list);
    e->leases = calloc(shard->options.shard_count, sizeof *e->leases);
    must(e->leases != NULL);
    e->settle_at_ns = INT64_MAX;
}

enum err hs_effects_open(struct history_shard *shard)
{
    shard->effects.settle_at_ns = hs_mono_ns(shard) + SETTLE_SOON_NS;
    return store_read_now(shard->store, read_leases, shard);
}

void hs_effects_release(struct history_shard *shard)
{
    struct hs_effects *e = &shard->effects;

    if (e->settling) {
        for (uint32_t i = 0; i < e->settling->ask_count; i++)
            if (e->settling->asks[i].call)
                shard->net->cancel(shard->net->self, e->settling->asks[i].call);
        settle_end(shard, false);
    }
    for (struct map_node *node; (node = map_next(&e->kept, NULL));)
        kept_free(shard, CONTAINER_OF(node, struct hs_kept, node));
    while (!list_empty(&e->gone_list))
        gone_drop_first(shard);
    map_release(&e->kept);
    map_release(&e->gone);
    free(e->leases);
}
