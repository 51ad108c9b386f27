/* shard.c - the life of a shard: open, its timer, its reads, loss, drain and close. */
#include "history/shard/shard_int.h"

#include <stdlib.h>

enum { TABLETS = 256 };

int64_t hs_now_ns(struct history_shard *shard)
{
    return hs_clock_now(&shard->clock);
}

int64_t hs_mono_ns(const struct history_shard *shard)
{
    return clock_mono_ns(shard->options.clock);
}

int64_t hs_mono_of(struct history_shard *shard, int64_t shard_time_ns)
{
    if (shard_time_ns == INT64_MAX)
        return INT64_MAX;
    const int64_t left_ns = shard_time_ns - hs_now_ns(shard);
    return hs_mono_ns(shard) + (left_ns > 0 ? left_ns : 0);
}

uint32_t history_shard_id(const struct history_shard *shard)
{
    return shard->options.shard_id;
}

/* -- reads ---------------------------------------------------------------------------------- */

static enum err job_read(struct store_snapshot *snapshot, void *arg)
{
    struct hs_job *job = arg;

    return job->read(snapshot, job);
}

static void job_done(void *arg, enum err err)
{
    struct hs_job *job = arg;
    struct history_shard *shard = job->shard;

    must(shard->reads > 0);
    shard->reads--;
    job->done(shard, job, err);
    hs_auto_resets_run(shard);
    hs_updates_pump(shard);
    hs_outgoing_pump(shard);
    hs_rearm(shard);
}

void hs_read(struct history_shard *shard, struct hs_job *job)
{
    job->shard = shard;
    job->job =
        (struct store_read_job){.lane = job->lane, .read = job_read, .done = job_done, .arg = job};
    shard->reads++;
    if (job->req)
        hs_persistence_used(shard, job->req);
    store_read(shard->store, &job->job);
}

/* -- the timer ------------------------------------------------------------------------------ */

static int64_t next_due_ns(struct history_shard *shard)
{
    const struct heap_node *expiry = heap_first(&shard->expiries);
    int64_t next_ns = hs_deadlines_next_mono_ns(shard);

    if (shard->deliveries.lost)
        return hs_mono_ns(shard);
    if (expiry && expiry->at < next_ns)
        next_ns = expiry->at;
    if (shard->offer_again_ns < next_ns)
        next_ns = shard->offer_again_ns;
    if (hs_outgoing_next_mono_ns(shard) < next_ns)
        next_ns = hs_outgoing_next_mono_ns(shard);
    if (hs_effects_next_mono_ns(shard) < next_ns)
        next_ns = hs_effects_next_mono_ns(shard);
    if (hs_retention_next_mono_ns(shard) < next_ns)
        next_ns = hs_retention_next_mono_ns(shard);
    if (hs_calls_next_mono_ns(shard) < next_ns)
        next_ns = hs_calls_next_mono_ns(shard);
    if (hs_batches_next_mono_ns(shard) < next_ns)
        next_ns = hs_batches_next_mono_ns(shard);
    if (hs_index_next_mono_ns(shard) < next_ns)
        next_ns = hs_index_next_mono_ns(shard);
    if (hs_cache_next_mono_ns(shard) < next_ns)
        next_ns = hs_cache_next_mono_ns(shard);
    return next_ns;
}

int64_t history_shard_run_due(struct history_shard *shard)
{
    if (!shard->lost) {
        hs_expire(shard, hs_mono_ns(shard));
        hs_deliveries_run(shard);
        hs_deadlines_run(shard);
        if (shard->offer_again_ns <= hs_mono_ns(shard))
            hs_offers_out(shard);
        hs_effects_run(shard);
        hs_retention_run(shard);
        hs_calls_run(shard);
        hs_batches_run(shard);
        hs_index_run(shard);
        hs_cache_trim(shard);
        hs_updates_pump(shard);
        hs_outgoing_pump(shard);
    }
    return next_due_ns(shard);
}

static void on_timer(void *arg)
{
    struct history_shard *shard = arg;

    shard->timer_at_ns = INT64_MAX;
    history_shard_run_due(shard);
    hs_rearm(shard);
}

void hs_rearm(struct history_shard *shard)
{
    if (!shard->options.loop || shard->closing)
        return;
    const int64_t next_ns = shard->lost ? INT64_MAX : next_due_ns(shard);
    if (next_ns == shard->timer_at_ns)
        return;
    shard->timer_at_ns = next_ns;
    if (next_ns == INT64_MAX) {
        loop_timer_stop(shard->options.loop, &shard->timer);
        return;
    }
    int64_t delay_ns = next_ns - hs_mono_ns(shard);
    if (delay_ns < 0)
        delay_ns = 0;
    loop_timer_start(shard->options.loop, &shard->timer, (delay_ns + NS_PER_MS - 1) / NS_PER_MS);
}

/* -- the store's callbacks ------------------------------------------------------------------ */

static void on_durable(void *arg, int64_t seq)
{
    struct history_shard *shard = arg;

    must(seq >= shard->durable);
    shard->durable = seq;
    hs_let_out(shard);
    hs_offers_out(shard);
    hs_cache_durable(shard);
    hs_wakes_out(shard);
    hs_cache_trim(shard);
    hs_auto_resets_run(shard);
    hs_updates_pump(shard);
    hs_outgoing_pump(shard);
    hs_retention_run(shard);
    hs_sweeps_run(shard);
    hs_calls_run(shard);
    hs_batches_run(shard);
    hs_index_run(shard);
    hs_rearm(shard);
}

static void on_lost(void *arg, enum err err)
{
    struct history_shard *shard = arg;

    if (shard->lost)
        return;
    shard->lost = true;
    log_error(shard->options.log, "shard lost", F_U64("shard_id", shard->options.shard_id),
              F_ERR(err));
    hs_rearm(shard);
    if (shard->options.lost)
        shard->options.lost(shard->options.arg, err);
}

/* -- open and close ------------------------------------------------------------------------- */

struct clock_row {
    struct arena arena;
    uint8_t key[2];
    int64_t row_ns;
};

static enum err read_clock_row(struct store_snapshot *snapshot, void *arg)
{
    struct clock_row *row = arg;
    struct slice value;
    bool found;

    const enum err err = store_get(snapshot, STORE_MAIN, slice_of(row->key, sizeof row->key),
                                   &row->arena, &value, &found);
    if (err == ERR_OK && found)
        row->row_ns = value.len == 8 ? (int64_t)be64_get(value.ptr) : 0;
    return err;
}

static enum err load_clock(struct history_shard *shard)
{
    struct clock_row row = {.key = {shard->first_tablet, 'K'}};

    arena_init(&row.arena);
    const enum err err = store_read_now(shard->store, read_clock_row, &row);
    arena_release(&row.arena);
    hs_clock_init(&shard->clock, shard->options.clock, row.row_ns);
    return err;
}

static struct history_shard *shard_new(const struct history_shard_options *options)
{
    struct history_shard *shard = calloc(1, sizeof *shard);

    must(shard != NULL);
    must(options->shard_count > 0 && TABLETS % options->shard_count == 0);
    must(options->shard_id < options->shard_count);
    shard->options = *options;
    shard->net = options->net;
    shard->tablet_count = TABLETS / options->shard_count;
    shard->first_tablet = (uint8_t)(options->shard_id * shard->tablet_count);
    if (options->seed)
        rng_seed(&shard->rng, options->seed);
    else
        rng_seed_from_kernel(&shard->rng);
    list_init(&shard->requests);
    list_init(&shard->offers);
    list_init(&shard->wakes);
    heap_init(&shard->outputs);
    heap_init(&shard->expiries);
    map_init(&shard->parked, rng_u64(&shard->rng));
    map_init(&shard->waiters, rng_u64(&shard->rng));
    map_init(&shard->queries, rng_u64(&shard->rng));
    map_init(&shard->run_queries, rng_u64(&shard->rng));
    hs_cache_init(shard);
    hs_limits_init(shard);
    hs_updates_init(shard);
    hs_deliveries_init(shard);
    hs_deadlines_init(shard);
    hs_outgoing_init(shard);
    hs_effects_init(shard);
    hs_retention_init(shard);
    list_init(&shard->sweeps);
    hs_calls_init(shard);
    hs_batches_init(shard);
    hs_index_init(shard);
    hs_resets_init(shard);
    hs_auto_resets_init(shard);
    hs_metrics_init(shard);
    shard->timer = (struct loop_timer){.fire = on_timer, .arg = shard};
    shard->timer_at_ns = INT64_MAX;
    shard->offer_again_ns = INT64_MAX;
    return shard;
}

/* Everything but the store, which is closed (or was never opened). */
static void shard_free(struct history_shard *shard)
{
    must(shard->reads == 0);
    hs_queries_release(shard);
    hs_updates_release(shard);
    LIST_EACH_SAFE(it, tmp, &shard->requests)
    {
        struct hs_request *req = CONTAINER_OF(it, struct hs_request, all);

        hs_request_abandon(shard, req);
    }
    hs_waiters_release(shard);
    hs_offers_release(shard);
    hs_deliveries_release(shard);
    hs_limits_release(shard);
    hs_deadlines_release(shard);
    hs_outgoing_release(shard);
    hs_effects_release(shard);
    hs_retention_release(shard);
    hs_calls_release(shard);
    hs_batches_release(shard);
    hs_index_release(shard);
    hs_resets_release(shard);
    hs_auto_resets_release(shard);
    hs_cache_release(shard);
    heap_release(&shard->outputs);
    heap_release(&shard->expiries);
    map_release(&shard->parked);
    map_release(&shard->waiters);
    map_release(&shard->queries);
    map_release(&shard->run_queries);
    free(shard);
}

enum err history_shard_load(const struct history_shard_options *options, struct history_shard **out,
                            struct err_detail *detail)
{
    struct history_shard *shard = shard_new(options);
    const struct store_shard_callbacks callbacks = {on_durable, on_lost, shard};

    *out = NULL;
    enum err err = store_shard_open(options->store, options->shard_id, options->loop, &callbacks,
                                    &shard->store, detail);
    if (err != ERR_OK) {
        shard_free(shard);
        return err;
    }
    err = load_clock(shard);
    if (err == ERR_OK)
        err = hs_effects_open(shard);
    if (err == ERR_OK)
        err = hs_index_load(shard);
    if (err != ERR_OK) {
        store_shard_close(shard->store, false);
        shard_free(shard);
        return err_fail(detail, err, "shard %u: its own rows can't be read", options->shard_id);
    }
    shard->durable = store_durable_seq(shard->store);
    *out = shard;
    return ERR_OK;
}

void history_shard_begin(struct history_shard *shard)
{
    hs_deadlines_check(shard);
    hs_timers_assign(shard);
    hs_outgoing_open(shard);
    hs_retention_open(shard);
    hs_calls_open(shard);
    hs_batches_open(shard);
    hs_index_open(shard);
    hs_rearm(shard);
}

enum err history_shard_open(const struct history_shard_options *options, struct history_shard **out,
                            struct err_detail *detail)
{
    const enum err err = history_shard_load(options, out, detail);

    if (err == ERR_OK)
        history_shard_begin(*out);
    return err;
}

void history_shard_drain(struct history_shard *shard)
{
    shard->draining = true;
    store_shard_releasing(shard->store);
    hs_expire(shard, INT64_MAX); /* all parked requests get the answer of their time-out */
    hs_rearm(shard);
}

bool history_shard_is_idle(const struct history_shard *shard)
{
    return shard->reads == 0 && shard->outputs.count == 0 && list_empty(&shard->offers) &&
           (shard->lost || shard->durable >= store_staged_seq(shard->store));
}

void history_shard_close(struct history_shard *shard, bool flush)
{
    shard->closing = true;
    if (shard->options.loop)
        loop_timer_stop(shard->options.loop, &shard->timer);
    store_shard_close(shard->store, flush && !shard->lost);
    shard_free(shard);
}

void history_shard_peer(struct history_shard *shard, enum mesh_role role, uint64_t process, bool up)
{
    if (shard->lost)
        return;
    if (role == ROLE_FRONTEND && !up)
        hs_deliveries_lost(shard, process);
    if (role == ROLE_HISTORY && up)
        hs_outgoing_hasten(shard);
    if (role == ROLE_TIMERS && up)
        hs_timers_assign(shard);
    if (role == ROLE_TIMERS && !up)
        hs_timers_lost(shard);
    hs_rearm(shard);
}
