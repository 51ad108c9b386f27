/* outgoing.c - requests of our runs to other executions: sent until answered, recorded, forgotten.
 *
 *   row staged -> STAGED -> durable -> READY -> SENT -> ANSWERED -> RECORDING -> DONE -> durable,
 *   forgotten;  READY again after a failure, with back-off
 *
 * 1. The rows are the truth; what is in memory is a window of them, bounded per destination shard
 *    (a "lane"). While a lane has rows beyond its window (`more`), nothing new enters the window:
 *    it is read from the rows, in their order, when the window has drained.
 * 2. What one run asks of one target leaves in order: the next is sent when the one before is
 *    recorded (a "flow").
 * 3. A row that ended stays in memory until that is durable and its lane's look at the rows is
 *    over: so that a look never brings it back.
 * 4. An effect is one call at a time; the answer to a call that was given up is never seen. */
#include "history/shard/shard_int.h"

#include "common/base/hash.h"

#include <stdlib.h>

enum {
    WINDOW_MAX = 256, /* effects of a lane in memory */
    WINDOW_BYTES_MAX = 4 * 1024 * 1024,
    OUTSTANDING_MAX = 64, /* calls of a lane */
    CALL_TIMEOUT_MS = 10000,
    FORGET_MAX = 256, /* in one cast */
};
#define LANE_BACKOFF_NS (20 * NS_PER_MS)
#define LANE_BACKOFF_MAX_NS (2 * NS_PER_S)
#define OUT_BACKOFF_NS (10 * NS_PER_MS)
#define OUT_BACKOFF_MAX_NS (10 * NS_PER_S)
#define LOOK_AGAIN_NS NS_PER_S

struct hs_lane {
    uint32_t shard;
    struct list ready; /* struct hs_out, to be sent */
    uint32_t outstanding, count;
    size_t bytes;
    bool more, loading;
    int64_t skipped_seq; /* the highest of the rows that did not enter the window */
    uint32_t failures;
    int64_t until_mono_ns; /* nothing is sent before */
};

/* What one run asks of one target. */
struct hs_flow {
    struct map_node node;
    struct list outs; /* those that are not done, oldest first */
};

enum out_state { OUT_STAGED, OUT_READY, OUT_SENT, OUT_ANSWERED, OUT_RECORDING, OUT_DONE };

struct hs_out {
    struct history_shard *shard;
    struct map_node node; /* in outgoing.by_seq */
    struct list place;    /* in staged, a lane's ready, answered or done */
    struct list in_flow;
    struct heap_node wait;
    struct hs_lane *lane;
    struct hs_flow *flow;
    enum out_state state;
    int64_t seq; /* STAGED: of its row; DONE: of the row's end */
    uint32_t attempts;
    uint64_t call;
    size_t bytes;
    bool asked; /* the target may keep an outcome */
    struct rpc_effect_outcome outcome;
    struct rpc_effect effect;
    struct arena arena;
};

/* -- entries -------------------------------------------------------------------------------- */

static struct hs_out *find(struct history_shard *shard, uint64_t row_seq)
{
    struct map_node *node = map_get_u64(&shard->outgoing.by_seq, row_seq);

    return node ? CONTAINER_OF(node, struct hs_out, node) : NULL;
}

static uint64_t flow_key(const struct rpc_effect *effect)
{
    return hash_bytes(effect->target_workflow_id, hash_bytes(effect->target_namespace_id,
                                                             hash_bytes(effect->source_run_id, 0)));
}

static struct hs_flow *flow_of(struct history_shard *shard, const struct rpc_effect *effect)
{
    const uint64_t key = flow_key(effect);
    struct map_node *node = map_get_u64(&shard->outgoing.flows, key);

    if (node)
        return CONTAINER_OF(node, struct hs_flow, node);
    struct hs_flow *flow = calloc(1, sizeof *flow);
    must(flow != NULL);
    list_init(&flow->outs);
    map_put_u64(&shard->outgoing.flows, key, &flow->node);
    return flow;
}

static struct hs_out *out_new(struct history_shard *shard, struct hs_lane *lane, uint64_t row_seq)
{
    struct hs_out *out = calloc(1, sizeof *out);

    must(out != NULL);
    out->shard = shard;
    out->lane = lane;
    arena_init(&out->arena);
    list_init(&out->place);
    list_init(&out->in_flow);
    map_put_u64(&shard->outgoing.by_seq, row_seq, &out->node);
    lane->count++;
    return out;
}

/* An effect, whose encoded form is copied. */
static struct hs_out *out_add(struct history_shard *shard, struct hs_lane *lane,
                              struct slice encoded)
{
    struct rpc_effect effect;
    struct arena arena;

    arena_init(&arena);
    const struct slice bytes = arena_copy(&arena, encoded);
    must(rpc_effect_decode(&arena, bytes, &effect) == ERR_OK);
    struct hs_out *out = out_new(shard, lane, effect.row_seq);
    out->arena = arena;
    out->effect = effect;
    out->effect.source_shard = shard->options.shard_id;
    out->effect.source_lease = (uint64_t)store_lease(shard->store);
    out->bytes = encoded.len + sizeof *out;
    lane->bytes += out->bytes;
    out->flow = flow_of(shard, &out->effect);
    list_push_back(&out->flow->outs, &out->in_flow);
    return out;
}

static void leave_flow(struct history_shard *shard, struct hs_out *out)
{
    struct hs_flow *flow = out->flow;

    out->flow = NULL;
    list_remove(&out->in_flow);
    if (flow && list_empty(&flow->outs)) {
        map_remove(&shard->outgoing.flows, &flow->node);
        free(flow);
    }
}

static void out_free(struct history_shard *shard, struct hs_out *out)
{
    leave_flow(shard, out);
    list_remove(&out->place);
    heap_remove(&shard->outgoing.waits, &out->wait);
    map_remove(&shard->outgoing.by_seq, &out->node);
    must(out->lane->count > 0 && out->lane->bytes >= out->bytes);
    out->lane->count--;
    out->lane->bytes -= out->bytes;
    arena_release(&out->arena);
    free(out);
}

/* The effect may go, unless another of its flow comes first. */
static void make_ready(struct hs_out *out)
{
    out->state = OUT_READY;
    list_remove(&out->place);
    if (out->flow->outs.next == &out->in_flow && out->wait.index == 0)
        list_push_back(&out->lane->ready, &out->place);
}

static int64_t jittered(struct history_shard *shard, int64_t first_ns, int64_t max_ns,
                        uint32_t failures)
{
    int64_t ns = first_ns;

    while (--failures > 0 && ns < max_ns)
        ns *= 2;
    if (ns > max_ns)
        ns = max_ns;
    return ns / 2 + (int64_t)rng_below(&shard->rng, (uint64_t)ns);
}

static void again_later(struct history_shard *shard, struct hs_out *out)
{
    const int64_t wait_ns = jittered(shard, OUT_BACKOFF_NS, OUT_BACKOFF_MAX_NS, ++out->attempts);

    out->state = OUT_READY;
    list_remove(&out->place);
    heap_remove(&shard->outgoing.waits, &out->wait);
    heap_add(&shard->outgoing.waits, &out->wait, hs_mono_ns(shard) + wait_ns);
}

static void end_call(struct history_shard *shard, struct hs_out *out)
{
    must(out->state == OUT_SENT && out->lane->outstanding > 0);
    out->lane->outstanding--;
    out->call = 0;
    gauge_add(shard->metrics.effects_outstanding, -1);
}

/* The end of its row is staged. */
static void out_done(struct history_shard *shard, struct hs_out *out, int64_t seq)
{
    struct hs_flow *flow = out->flow;

    must(out->state != OUT_DONE);
    if (out->state == OUT_SENT) {
        shard->net->cancel(shard->net->self, out->call);
        end_call(shard, out);
    }
    heap_remove(&shard->outgoing.waits, &out->wait);
    struct hs_out *next =
        flow && out->in_flow.next != &flow->outs && out->in_flow.prev == &flow->outs
            ? CONTAINER_OF(out->in_flow.next, struct hs_out, in_flow)
            : NULL;
    leave_flow(shard, out);
    if (next && next->state == OUT_READY)
        make_ready(next);
    list_remove(&out->place);
    out->state = OUT_DONE;
    out->seq = seq;
    list_push_back(&shard->outgoing.done, &out->place);
}

/* -- transitions ---------------------------------------------------------------------------- */

static void changed_add(struct history_shard *shard, const struct outgoing_change *change,
                        int64_t seq)
{
    struct hs_outgoing *o = &shard->outgoing;
    const uint32_t to = (uint32_t)change->target_tablet / shard->tablet_count;
    struct hs_lane *lane = &o->lanes[to];
    struct buf encoded;

    if (lane->more || lane->count >= WINDOW_MAX || lane->bytes >= WINDOW_BYTES_MAX) {
        lane->more = true;
        lane->skipped_seq = seq;
        return;
    }
    buf_init(&encoded, 0);
    rpc_effect_encode(&change->effect, &encoded);
    struct hs_out *out = out_add(shard, lane, buf_slice(&encoded));
    buf_release(&encoded);
    out->state = OUT_STAGED;
    out->seq = seq;
    list_push_back(&o->staged, &out->place);
}

void hs_outgoing_changed(struct history_shard *shard, const struct transition *t, int64_t seq)
{
    for (size_t i = 0; i < t->outgoing_count; i++) {
        const struct outgoing_change *change = &t->outgoing[i];

        if (change->add) {
            changed_add(shard, change, seq);
            continue;
        }
        struct hs_out *out = find(shard, change->row_seq);
        if (!out) /* beyond the window: see invariant 3 */
            out =
                out_new(shard, &shard->outgoing.lanes[change->target_tablet / shard->tablet_count],
                        change->row_seq);
        if (out->state != OUT_DONE)
            out_done(shard, out, seq);
    }
}

/* -- recording ------------------------------------------------------------------------------ */

/* End the row alone: nothing is to be recorded, or nobody is left who would. */
static void end_row(struct history_shard *shard, struct hs_out *out)
{
    const struct rpc_effect *effect = &out->effect;
    struct row_key key;
    int64_t seq;

    row_key_outgoing(&key, hash_tablet(effect->source_namespace_id, effect->source_workflow_id),
                     hash_tablet(effect->target_namespace_id, effect->target_workflow_id),
                     effect->row_seq);
    const struct store_op op = {STORE_DELETE, STORE_MAIN, row_key_slice(&key), SLICE_EMPTY};
    if (store_stage(shard->store, &op, 1, true, &seq) == ERR_OK)
        out_done(shard, out, seq);
    else
        again_later(shard, out);
}

/* The effect that an own request of the shard records; NULL: it has ended meanwhile. */
static struct hs_out *recorded_by(struct history_shard *shard, const struct hs_request *req)
{
    const uint64_t *row_seq = req->extra;
    struct hs_out *out = find(shard, *row_seq);

    return out && out->state == OUT_RECORDING ? out : NULL;
}

static void step_record(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry)
{
    const struct engine_limit limit = hs_take_limit(req);
    struct hs_out *out = recorded_by(shard, req);
    int64_t seq = entry->seq;
    struct transition t;

    if (!out) {
        hs_answer(shard, req, ERR_OK, SLICE_EMPTY, 0);
        return;
    }
    hs_begin(shard, req, entry->run, &t);
    hs_end_for_limit(&t, &limit);
    enum err err = engine_effect_answered(&t, &out->effect, &out->outcome);
    must(err == ERR_OK || !t.closed);
    if (err == ERR_OK && hs_steps_again_for_limit(shard, req, entry, &t, step_record))
        return;
    if (err == ERR_OK)
        err = hs_commit(shard, req, &(struct hs_change){entry, &t, false}, 1);
    if (err == ERR_OK)
        seq = entry->seq;
    transition_release(&t);
    if (err != ERR_OK)
        again_later(shard, out);
    else if (out->state == OUT_RECORDING)
        end_row(shard, out);
    hs_answer(shard, req, err, SLICE_EMPTY, seq);
}

static void record_failed(struct history_shard *shard, struct hs_request *req, enum err err)
{
    struct hs_out *out = recorded_by(shard, req);

    if (out && err == ERR_NOT_FOUND)
        end_row(shard, out);
    else if (out)
        again_later(shard, out);
    hs_answer(shard, req, err, SLICE_EMPTY, 0);
}

static bool outcome_is_kept(enum rpc_effect_kind kind)
{
    return kind == EFFECT_START_CHILD || kind == EFFECT_SIGNAL || kind == EFFECT_CANCEL;
}

static void record(struct history_shard *shard, struct hs_out *out)
{
    const struct rpc_effect *effect = &out->effect;
    struct hs_request *req;
    uint8_t uuid[16];

    list_remove(&out->place);
    if (!outcome_is_kept(effect->kind)) {
        end_row(shard, out);
        return;
    }
    req = hs_request_new(shard, (struct mesh_addr){0});
    if (!req) {
        again_later(shard, out);
        return;
    }
    uint64_t *row_seq = ARENA_NEW(&req->arena, uint64_t);
    *row_seq = effect->row_seq;
    req->extra = row_seq;
    req->namespace_id = arena_copy(&req->arena, effect->source_namespace_id);
    req->workflow_id = arena_copy(&req->arena, effect->source_workflow_id);
    req->tablet = hash_tablet(effect->source_namespace_id, effect->source_workflow_id);
    must(uuid_parse(effect->source_run_id, uuid));
    uuid_format(uuid, req->run_id);
    req->step = step_record;
    req->failed = record_failed;
    out->state = OUT_RECORDING;
    hs_with_run(shard, req);
}

/* -- sending -------------------------------------------------------------------------------- */

static void lane_failed(struct history_shard *shard, struct hs_lane *lane)
{
    const int64_t now_ns = hs_mono_ns(shard);

    if (lane->until_mono_ns > now_ns)
        return; /* one of a burst */
    lane->failures++;
    lane->until_mono_ns =
        now_ns + jittered(shard, LANE_BACKOFF_NS, LANE_BACKOFF_MAX_NS, lane->failures);
}

static void complain(struct history_shard *shard, const struct hs_out *out, enum err err,
                     const struct err_detail *detail)
{
    if (out->attempts > 0 || err == ERR_BUSY || err == ERR_STALE)
        return;
    log_error(shard->options.log, "effect refused", F_U64("shard_id", shard->options.shard_id),
              F_U64("target_shard_id", out->lane->shard),
              F_STR("effect_kind", out->effect.kind == EFFECT_START_CHILD ? "start" : "other"),
              F_ERR(err), F_STR("detail", detail ? detail->text : ""));
}

static void on_answer(void *arg, enum err err, const struct err_detail *detail, struct slice body)
{
    struct hs_out *out = arg;
    struct history_shard *shard = out->shard;
    struct hs_lane *lane = out->lane;

    end_call(shard, out);
    if (err == ERR_OK && rpc_effect_outcome_decode(&out->arena, arena_copy(&out->arena, body),
                                                   &out->outcome) != ERR_OK)
        err = ERR_CORRUPT;
    switch (err) {
    case ERR_OK:
        lane->failures = 0;
        out->attempts = 0;
        out->state = OUT_ANSWERED;
        counter_add(shard->metrics.effects_answered, 1);
        if (out->outcome.failed)
            counter_add(shard->metrics.effects_failed, 1);
        list_push_back(&shard->outgoing.answered, &out->place);
        break;
    case ERR_UNAVAILABLE:
    case ERR_NOT_OWNER:
    case ERR_PEER_RESET:
    case ERR_TIMEOUT:
    case ERR_FENCED:
        lane_failed(shard, lane);
        make_ready(out);
        break;
    default:
        lane->failures = 0;
        complain(shard, out, err, detail);
        again_later(shard, out);
        break;
    }
    hs_outgoing_pump(shard);
    hs_rearm(shard);
}

static void send(struct history_shard *shard, struct hs_lane *lane, struct hs_out *out)
{
    struct buf body;

    must(out->state == OUT_READY && out->flow->outs.next == &out->in_flow);
    list_remove(&out->place);
    buf_init(&body, 0);
    rpc_effect_encode(&out->effect, &body);
    out->state = OUT_SENT;
    out->asked = true;
    lane->outstanding++;
    counter_add(shard->metrics.effects_sent, 1);
    gauge_add(shard->metrics.effects_outstanding, 1);
    out->call =
        shard->net->call(shard->net->self, MESH_SHARD(ROLE_HISTORY, lane->shard),
                         METHOD_HISTORY_EFFECT, buf_slice(&body), CALL_TIMEOUT_MS, on_answer, out);
    buf_release(&body);
}

/* -- forgetting ----------------------------------------------------------------------------- */

/* Cast for the first that is done and may go, and for all of its lane behind it. */
static void forget_lane(struct history_shard *shard, struct hs_lane *lane)
{
    struct rpc_effect effects[FORGET_MAX];
    struct list gone;
    uint32_t count = 0;
    struct buf body;

    list_init(&gone);
    LIST_EACH_SAFE(it, tmp, &shard->outgoing.done)
    {
        struct hs_out *out = CONTAINER_OF(it, struct hs_out, place);

        if (out->seq > shard->durable || count == FORGET_MAX)
            break;
        if (out->lane != lane)
            continue;
        if (out->asked && outcome_is_kept(out->effect.kind)) {
            effects[count] = out->effect;
            effects[count++].payload = SLICE_EMPTY;
        }
        list_remove(it);
        list_push_back(&gone, it);
    }
    if (count) { /* where it is lost the target asks, one day */
        buf_init(&body, 0);
        rpc_effects_encode(effects, count, &body);
        (void)shard->net->cast(shard->net->self, MESH_SHARD(ROLE_HISTORY, lane->shard),
                               METHOD_HISTORY_FORGET_EFFECTS, buf_slice(&body));
        buf_release(&body);
    }
    for (struct list *node; (node = list_pop_front(&gone));)
        out_free(shard, CONTAINER_OF(node, struct hs_out, place));
}

static void forget_done(struct history_shard *shard)
{
    struct list *done = &shard->outgoing.done;

    while (!list_empty(done)) {
        struct hs_out *out = CONTAINER_OF(done->next, struct hs_out, place);

        if (out->seq > shard->durable || out->lane->loading)
            return;
        forget_lane(shard, out->lane);
    }
}

/* -- rows beyond the window ----------------------------------------------------------------- */

struct look_job {
    struct hs_job job;
    struct hs_lane *lane;
    uint8_t first_tablet, first_target;
    uint32_t tablet_count, target_count;
    uint32_t count, count_max;
    size_t bytes, bytes_max;
    bool full;
    int64_t durable; /* when it was posted */
    enum err err;
    struct arena arena;
    struct slice *rows;
};

static bool visit_row(void *arg, struct slice key, struct slice value)
{
    struct look_job *job = arg;

    UNUSED(key);
    if (job->count == job->count_max || job->bytes >= job->bytes_max) {
        job->full = true;
        return false;
    }
    job->rows[job->count++] = arena_copy(&job->arena, value);
    job->bytes += value.len;
    return true;
}

static enum err look_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct look_job *job = CONTAINER_OF(arg, struct look_job, job);
    enum err err = ERR_OK;

    for (uint32_t i = 0; i < job->tablet_count && err == ERR_OK && !job->full; i++) {
        struct row_key from, to;

        row_key_outgoing(&from, (uint8_t)(job->first_tablet + i), job->first_target, 0);
        row_key_outgoing(&to, (uint8_t)(job->first_tablet + i),
                         (uint8_t)(job->first_target + job->target_count - 1), UINT64_MAX);
        err = store_scan(snapshot, STORE_MAIN, row_key_slice(&from), row_key_slice(&to), false,
                         visit_row, job);
    }
    return err;
}

static bool is_whole(const struct rpc_effect *effect)
{
    uint8_t uuid[16];

    return effect->row_seq != 0 && uuid_parse(effect->source_namespace_id, uuid) &&
           uuid_parse(effect->source_run_id, uuid) && uuid_parse(effect->target_namespace_id, uuid);
}

static void look_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct look_job *job = CONTAINER_OF(arg, struct look_job, job);
    struct hs_lane *lane = job->lane;
    struct rpc_effect effect;

    lane->loading = false;
    if (err == ERR_OK && !job->full && lane->skipped_seq <= job->durable)
        lane->more = false;
    for (uint32_t i = 0; i < job->count && err == ERR_OK; i++) {
        if (rpc_effect_decode(&job->arena, job->rows[i], &effect) != ERR_OK || !is_whole(&effect))
            log_error(shard->options.log, "malformed row of an effect",
                      F_U64("shard_id", shard->options.shard_id));
        else if (!find(shard, effect.row_seq))
            make_ready(out_add(shard, lane, job->rows[i]));
    }
    if (err != ERR_OK)
        shard->outgoing.look_again_ns = hs_mono_ns(shard) + LOOK_AGAIN_NS;
    arena_release(&job->arena);
    free(job->rows);
    free(job);
}

static void look(struct history_shard *shard, struct hs_lane *lane)
{
    struct look_job *job = calloc(1, sizeof *job);

    must(job != NULL && !lane->loading);
    lane->loading = true;
    job->lane = lane;
    job->first_tablet = shard->first_tablet;
    job->tablet_count = job->target_count = shard->tablet_count;
    job->first_target = (uint8_t)(lane->shard * shard->tablet_count);
    /* What is in the window stands before the rest. */
    job->count_max = lane->count + WINDOW_MAX / 2;
    job->bytes_max = lane->bytes + WINDOW_BYTES_MAX / 2;
    job->durable = shard->durable;
    job->rows = calloc(job->count_max, sizeof *job->rows);
    must(job->rows != NULL);
    arena_init(&job->arena);
    job->job.read = look_read;
    job->job.done = look_done;
    hs_read(shard, &job->job);
}

static bool wants_look(const struct history_shard *shard, const struct hs_lane *lane)
{
    return lane->more && !lane->loading && lane->count <= WINDOW_MAX / 2 &&
           lane->bytes <= WINDOW_BYTES_MAX / 2 && lane->skipped_seq <= shard->durable &&
           shard->outgoing.look_again_ns == INT64_MAX;
}

/* -- which lanes have rows, at open --------------------------------------------------------- */

struct open_job {
    struct hs_job job;
    uint8_t first_tablet;
    uint32_t tablet_count, shard_count;
    bool has[256];
    bool found;
    uint32_t lane;
};

static bool visit_first(void *arg, struct slice key, struct slice value)
{
    struct open_job *job = arg;

    UNUSED(value);
    if (key.len >= 3) {
        job->found = true;
        job->lane = key.ptr[2] / job->tablet_count;
        job->has[job->lane] = true;
    }
    return false;
}

static enum err open_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct open_job *job = CONTAINER_OF(arg, struct open_job, job);

    for (uint32_t i = 0; i < job->tablet_count; i++) {
        uint32_t lane = 0;

        do { /* the first row of each lane in this tablet */
            struct row_key from, to;

            job->found = false;
            row_key_outgoing(&from, (uint8_t)(job->first_tablet + i),
                             (uint8_t)(lane * job->tablet_count), 0);
            row_key_outgoing(&to, (uint8_t)(job->first_tablet + i), UINT8_MAX, UINT64_MAX);
            const enum err err = store_scan(snapshot, STORE_MAIN, row_key_slice(&from),
                                            row_key_slice(&to), false, visit_first, job);
            if (err != ERR_OK)
                return err;
            lane = job->lane + 1;
        } while (job->found && lane < job->shard_count);
    }
    return ERR_OK;
}

static void open_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct open_job *job = CONTAINER_OF(arg, struct open_job, job);

    for (uint32_t i = 0; i < job->shard_count; i++) {
        struct hs_lane *lane = &shard->outgoing.lanes[i];

        if (err == ERR_OK && !job->has[i] && lane->skipped_seq == 0)
            lane->more = false;
    }
    shard->outgoing.opened = true;
    free(job);
}

void hs_outgoing_open(struct history_shard *shard)
{
    struct open_job *job = calloc(1, sizeof *job);

    must(job != NULL);
    for (uint32_t i = 0; i < shard->options.shard_count; i++)
        shard->outgoing.lanes[i].more = true;
    job->first_tablet = shard->first_tablet;
    job->tablet_count = shard->tablet_count;
    job->shard_count = shard->options.shard_count;
    job->job.read = open_read;
    job->job.done = open_done;
    hs_read(shard, &job->job);
}

/* -- the pump ------------------------------------------------------------------------------- */

static void pump_lanes(struct history_shard *shard)
{
    const int64_t now_ns = hs_mono_ns(shard);

    for (uint32_t i = 0; i < shard->options.shard_count; i++) {
        struct hs_lane *lane = &shard->outgoing.lanes[i];

        while (!list_empty(&lane->ready) && lane->outstanding < OUTSTANDING_MAX &&
               lane->until_mono_ns <= now_ns)
            send(shard, lane, CONTAINER_OF(lane->ready.next, struct hs_out, place));
        if (wants_look(shard, lane))
            look(shard, lane);
    }
}

void hs_outgoing_pump(struct history_shard *shard)
{
    struct hs_outgoing *o = &shard->outgoing;
    struct heap_node *first;

    if (o->pumping || !o->opened || shard->lost || shard->closing)
        return;
    o->pumping = true;
    const int64_t now_ns = hs_mono_ns(shard);
    if (o->look_again_ns <= now_ns)
        o->look_again_ns = INT64_MAX;
    while (!list_empty(&o->staged)) {
        struct hs_out *out = CONTAINER_OF(o->staged.next, struct hs_out, place);

        if (out->seq > shard->durable)
            break;
        make_ready(out);
    }
    while ((first = heap_first(&o->waits)) && first->at <= now_ns) {
        heap_remove(&o->waits, first);
        make_ready(CONTAINER_OF(first, struct hs_out, wait));
    }
    while (!list_empty(&o->answered))
        record(shard, CONTAINER_OF(o->answered.next, struct hs_out, place));
    forget_done(shard);
    if (!shard->draining)
        pump_lanes(shard);
    o->pumping = false;
}

int64_t hs_outgoing_next_mono_ns(const struct history_shard *shard)
{
    const struct hs_outgoing *o = &shard->outgoing;
    const struct heap_node *first = heap_first(&o->waits);
    int64_t next_ns = o->look_again_ns;

    if (first && first->at < next_ns)
        next_ns = first->at;
    for (uint32_t i = 0; i < shard->options.shard_count && !shard->draining; i++) {
        const struct hs_lane *lane = &o->lanes[i];

        if (!list_empty(&lane->ready) && lane->outstanding < OUTSTANDING_MAX &&
            lane->until_mono_ns < next_ns)
            next_ns = lane->until_mono_ns;
    }
    return o->opened ? next_ns : INT64_MAX;
}

void hs_outgoing_hasten(struct history_shard *shard)
{
    for (uint32_t i = 0; i < shard->options.shard_count; i++) {
        shard->outgoing.lanes[i].failures = 0;
        shard->outgoing.lanes[i].until_mono_ns = 0;
    }
    hs_outgoing_pump(shard);
}

/* -- life ----------------------------------------------------------------------------------- */

void hs_outgoing_init(struct history_shard *shard)
{
    struct hs_outgoing *o = &shard->outgoing;

    map_init(&o->by_seq, rng_u64(&shard->rng));
    map_init(&o->flows, rng_u64(&shard->rng));
    list_init(&o->staged);
    list_init(&o->answered);
    list_init(&o->done);
    heap_init(&o->waits);
    o->look_again_ns = INT64_MAX;
    o->lanes = calloc(shard->options.shard_count, sizeof *o->lanes);
    must(o->lanes != NULL);
    for (uint32_t i = 0; i < shard->options.shard_count; i++) {
        o->lanes[i].shard = i;
        list_init(&o->lanes[i].ready);
    }
}

void hs_outgoing_release(struct history_shard *shard)
{
    struct hs_outgoing *o = &shard->outgoing;

    for (struct map_node *node; (node = map_next(&o->by_seq, NULL));) {
        struct hs_out *out = CONTAINER_OF(node, struct hs_out, node);

        if (out->state == OUT_SENT) {
            shard->net->cancel(shard->net->self, out->call);
            end_call(shard, out);
        }
        out_free(shard, out);
    }
    map_release(&o->by_seq);
    map_release(&o->flows);
    heap_release(&o->waits);
    free(o->lanes);
}

/* -- the question of the target ------------------------------------------------------------- */

struct pending_job {
    struct hs_job job;
    struct rpc_effect effect;
    uint8_t tablet;
    bool found;
};

static enum err pending_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct pending_job *job = CONTAINER_OF(arg, struct pending_job, job);
    struct rpc_effect row;
    struct arena arena;
    struct row_key key;
    struct slice value;

    arena_init(&arena);
    row_key_outgoing(&key, job->tablet,
                     hash_tablet(job->effect.target_namespace_id, job->effect.target_workflow_id),
                     job->effect.row_seq);
    enum err err =
        store_get(snapshot, STORE_MAIN, row_key_slice(&key), &arena, &value, &job->found);
    if (err == ERR_OK && job->found) {
        err = rpc_effect_decode(&arena, value, &row);
        job->found = err == ERR_OK && slice_eq(row.source_run_id, job->effect.source_run_id) &&
                     row.initiated_event_id == job->effect.initiated_event_id;
    }
    arena_release(&arena);
    return err;
}

static void pending_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct pending_job *job = CONTAINER_OF(arg, struct pending_job, job);
    struct hs_request *req = job->job.req;

    if (err == ERR_OK && !job->found)
        err = ERR_NOT_FOUND;
    else if (err == ERR_CANCELED)
        err = ERR_UNAVAILABLE;
    free(job);
    hs_answer(shard, req, err, SLICE_EMPTY, 0);
}

void hs_effect_pending(struct history_shard *shard, struct hs_request *req)
{
    struct pending_job *job = calloc(1, sizeof *job);

    must(job != NULL);
    enum err err = rpc_effect_decode(&req->arena, req->api.request, &job->effect);
    if (err == ERR_OK) {
        job->tablet = hash_tablet(job->effect.source_namespace_id, job->effect.source_workflow_id);
        if (!hs_owns_tablet(shard, job->tablet))
            err = err_fail(&req->detail, ERR_NOT_OWNER, "the workflow is of another shard");
    }
    if (err != ERR_OK) {
        free(job);
        hs_answer(shard, req, err, SLICE_EMPTY, 0);
        return;
    }
    job->job.req = req;
    job->job.read = pending_read;
    job->job.done = pending_done;
    hs_read(shard, &job->job);
}
