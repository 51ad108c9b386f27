/* vis_index.c - see vis_index.h.
 *
 * 1. A run that changes what it shows has its postings moved: those of the row before are known
 *    from what the run showed when the step began.
 * 2. Counters are kept in memory with everything that is staged, and written as absolute numbers.
 * 3. A store without the format row gets it with the first visibility row when it has none yet;
 *    else the rows are walked through in the background, a slice at a time, while what changes in
 *    the meantime is written as always and left alone by the walk. A walk that was cut short begins
 *    anew: to write a posting again changes nothing, and until its end no counter is written. */
#include "history/shard/shard_int.h"

#include <stdlib.h>

enum {
    ROW_KEY_LEN = HS_ROW_PREFIX_LEN + HS_ORDER_LEN,
    SLICE_ROWS = 500,
    RANGE_OF_PAGE = 8000, /* where more satisfy a range of values, a scan fills a page as soon */
    PROBE_RANGE = 3000,   /* where so many do, it may */
    PROBE_ROWS = 2000,    /* some 3 ms */
    RANGE_OF_COUNT = 100000,
    SLICE_BYTES = 256 * 1024, /* of postings; a row more */
};
#define AGAIN_NS (100 * NS_PER_MS) /* after a full log or a failed read */

struct hs_counters {
    struct map_node node; /* by namespace id */
    uint8_t namespace_id[16];
    uint64_t counts[HS_STATUSES];
};

struct touched_row {
    struct map_node node; /* by key */
    uint8_t key[ROW_KEY_LEN];
};

struct hs_rebuild {
    struct hs_job job;
    struct map touched;      /* rows that changed since it began: counted, with their postings */
    uint8_t at[ROW_KEY_LEN]; /* rows up to this one are done */
    size_t at_len;           /* 0: none */
    bool reading, over;
    int64_t seq;      /* durable before the next slice */
    int64_t again_ns; /* monotonic; INT64_MAX: it waits for something else */

    /* the slice that was read */
    struct arena arena;
    struct slice_row {
        uint8_t key[ROW_KEY_LEN];
        int32_t status;
        struct vis_posting *postings; /* NULL: not to be indexed */
        uint32_t count;
    } rows[SLICE_ROWS];
    uint32_t row_count, rows_max;
    size_t bytes;
    bool more;
    enum err err;
};

/* -- keys ----------------------------------------------------------------------------------------
 */

size_t hs_posting_prefix(uint8_t *key, uint8_t first_tablet, const uint8_t *namespace_id,
                         struct slice posting)
{
    key[0] = first_tablet;
    memcpy(key + 1, namespace_id, 16);
    key[HS_ROW_PREFIX_LEN] = 1;
    memcpy(key + HS_POSTING_AT, posting.ptr, posting.len);
    return HS_POSTING_AT + posting.len;
}

void hs_format_key(uint8_t key[HS_FORMAT_KEY_LEN], uint8_t first_tablet)
{
    memset(key, 0, HS_FORMAT_KEY_LEN);
    key[0] = first_tablet;
    key[HS_ROW_PREFIX_LEN] = 1;
}

void hs_counters_key(uint8_t key[HS_COUNTERS_KEY_LEN], uint8_t first_tablet,
                     const uint8_t namespace_id[16])
{
    memset(key, 0, HS_POSTING_AT);
    key[0] = first_tablet;
    key[HS_ROW_PREFIX_LEN] = 2;
    memcpy(key + HS_POSTING_AT, namespace_id, 16);
}

size_t hs_counters_encode(uint8_t value[HS_COUNTERS_MAX], const uint64_t counts[HS_STATUSES])
{
    size_t len = 0;

    for (uint8_t status = 0; status < HS_STATUSES; status++)
        if (counts[status] > 0) {
            value[len] = status;
            be64_put(value + len + 1, counts[status]);
            len += 9;
        }
    return len;
}

bool hs_counters_decode(struct slice value, uint64_t counts[HS_STATUSES])
{
    memset(counts, 0, HS_STATUSES * sizeof *counts);
    if (value.len % 9 != 0)
        return false;
    for (size_t at = 0; at < value.len; at += 9) {
        if (value.ptr[at] >= HS_STATUSES)
            return false;
        counts[value.ptr[at]] = be64_get(value.ptr + at + 1);
    }
    return true;
}

static void add_op(struct hs_index_step *step, enum store_op_kind kind, struct slice key,
                   struct slice value)
{
    if (step->count == step->cap) {
        const size_t cap = step->cap ? step->cap * 2 : 16;
        struct store_op *more = arena_alloc(step->arena, cap * sizeof *more);

        if (step->count > 0)
            memcpy(more, step->ops, step->count * sizeof *more);
        step->ops = more;
        step->cap = cap;
    }
    step->ops[step->count++] = (struct store_op){.kind = kind,
                                                 .family = STORE_VISIBILITY,
                                                 .key = arena_copy(step->arena, key),
                                                 .value = arena_copy(step->arena, value)};
}

/* `row`: the key of the visibility row. */
static void add_posting(const struct history_shard *shard, struct hs_index_step *step,
                        enum store_op_kind kind, const uint8_t *row,
                        const struct vis_posting *posting)
{
    uint8_t key[HS_INDEX_KEY_MAX];
    const size_t at =
        hs_posting_prefix(key, shard->first_tablet, row + 1, vis_posting_slice(posting));

    memcpy(key + at, row + HS_ROW_PREFIX_LEN, HS_ORDER_LEN);
    add_op(step, kind, slice_of(key, at + HS_ORDER_LEN),
           kind == STORE_DELETE ? SLICE_EMPTY : slice_of(row, 1));
}

/* -- counters ------------------------------------------------------------------------------------
 */

static struct hs_counters *counters_at(struct history_shard *shard, const uint8_t *namespace_id)
{
    struct map_node *node = map_get(&shard->index.counters, slice_of(namespace_id, 16));

    if (node)
        return CONTAINER_OF(node, struct hs_counters, node);
    struct hs_counters *counters = calloc(1, sizeof *counters);
    must(counters != NULL);
    memcpy(counters->namespace_id, namespace_id, 16);
    map_put(&shard->index.counters, slice_of(counters->namespace_id, 16), &counters->node);
    return counters;
}

static void counters_op(const struct history_shard *shard, struct hs_index_step *step,
                        const struct hs_counters *counters)
{
    uint8_t key[HS_COUNTERS_KEY_LEN], value[HS_COUNTERS_MAX];
    const size_t len = hs_counters_encode(value, counters->counts);

    hs_counters_key(key, shard->first_tablet, counters->namespace_id);
    add_op(step, len > 0 ? STORE_PUT : STORE_DELETE, slice_of(key, sizeof key),
           slice_of(value, len));
}

uint64_t hs_index_count(const struct history_shard *shard, const uint8_t namespace_id[16],
                        int32_t status)
{
    struct map_node *node = map_get(&shard->index.counters, slice_of(namespace_id, 16));

    must(status >= 0 && status < HS_STATUSES);
    return node ? CONTAINER_OF(node, struct hs_counters, node)->counts[status] : 0;
}

static void step_count(struct history_shard *shard, struct hs_index_step *step, const uint8_t *row,
                       int32_t status, int by)
{
    must(step->delta_count < HS_INDEX_DELTAS && status >= 0 && status < HS_STATUSES);
    struct hs_counters *counters = counters_at(shard, row + 1);
    if (by < 0 && counters->counts[status] == 0) { /* damage, which gnomon-check tells of */
        log_error(shard->options.log, "a counter of executions is behind",
                  F_U64("shard_id", shard->options.shard_id));
        by = 0;
    }
    counters->counts[status] += (uint64_t)(int64_t)by;
    step->deltas[step->delta_count++] = (struct hs_index_delta){counters, (uint8_t)status, by};
}

/* -- what a step changes -------------------------------------------------------------------------
 */

static struct transition_shown shown_now(const struct run *run)
{
    return (struct transition_shown){.close_ns = run->visibility_order_ns[0],
                                     .start_ns = run->visibility_order_ns[1],
                                     .status = run->status,
                                     .attributes = bytes_slice(run->search_attributes)};
}

void hs_index_shown(const struct run *run, struct arena *arena, struct transition_shown *out)
{
    *out = shown_now(run);
    if (out->attributes.len > 0)
        out->attributes = arena_copy(arena, out->attributes);
}

static struct vis_execution execution_of(const struct run *run,
                                         const struct transition_shown *shown)
{
    struct vis_execution execution = {
        .self = {run->workflow_id, slice_str(run->run_id)},
        .parent = {run->parent_workflow_id, run->parent_run_id},
        .root = {run->root_workflow_id, run->root_run_id},
        .workflow_type = run->workflow_type,
        .start_ns = shown->start_ns,
        .close_ns = shown->close_ns,
        .execution_ns = run->execution_ns,
        .status = shown->status,
        .attributes = shown->attributes,
    };

    if (execution.root.workflow_id.len == 0)
        execution.root = execution.self;
    return execution;
}

struct shown_row {
    struct row_key key;
    bool exists, indexed;
    int32_t status;
    struct vis_posting *postings;
    uint32_t count;
};

static void row_of(const struct run *run, const struct transition_shown *shown, bool postings,
                   struct arena *arena, struct shown_row *out)
{
    const struct vis_execution execution = execution_of(run, shown);

    *out = (struct shown_row){.exists = shown->start_ns != 0, .status = shown->status};
    if (!out->exists)
        return;
    row_key_visibility(&out->key, run->tablet, run->namespace_id, shown->close_ns, shown->start_ns,
                       run->run_id);
    out->indexed = vis_is_indexed(&execution, arena);
    if (out->indexed && postings)
        vis_postings_of(&execution, arena, &out->postings, &out->count);
}

/* Of a row that a rebuild has not come to yet, nothing is counted. */
static bool is_counted(const struct history_shard *shard, const struct row_key *key)
{
    const struct hs_rebuild *rebuild = shard->index.rebuild;

    return !rebuild || map_get(&rebuild->touched, row_key_slice(key)) != NULL ||
           (rebuild->at_len > 0 &&
            slice_cmp(row_key_slice(key), slice_of(rebuild->at, rebuild->at_len)) <= 0);
}

static void touch(const struct history_shard *shard, struct hs_index_step *step,
                  const struct row_key *key)
{
    if (!shard->index.rebuild)
        return;
    must(step->touched_count < HS_INDEX_DELTAS);
    step->touched[step->touched_count++] = arena_copy(step->arena, row_key_slice(key));
}

/* A run that closes: its postings stay, but for that of the status, and its row moves. */
static void move_postings(const struct history_shard *shard, struct hs_index_step *step,
                          const struct row_key *from, const struct shown_row *now)
{
    for (uint32_t i = 0; i < now->count; i++) {
        if (!vis_is_status_posting(&now->postings[i]))
            add_posting(shard, step, STORE_DELETE, from->bytes, &now->postings[i]);
        add_posting(shard, step, STORE_INSERT, now->key.bytes, &now->postings[i]);
    }
}

static void change_postings(const struct history_shard *shard, struct hs_index_step *step,
                            const struct shown_row *old, const struct shown_row *now)
{
    const bool moves = !old->exists || !now->exists || shard->index.rebuild ||
                       !slice_eq(row_key_slice(&old->key), row_key_slice(&now->key));
    const enum store_op_kind kind = shard->index.rebuild ? STORE_PUT : STORE_INSERT;
    uint32_t i = 0, j = 0;

    while (i < old->count || j < now->count) {
        const int order = i == old->count   ? 1
                          : j == now->count ? -1
                                            : slice_cmp(vis_posting_slice(&old->postings[i]),
                                                        vis_posting_slice(&now->postings[j]));

        if (order <= 0 && (moves || order != 0))
            add_posting(shard, step, STORE_DELETE, old->key.bytes, &old->postings[i]);
        if (order >= 0 && (moves || order != 0))
            add_posting(shard, step, kind, now->key.bytes, &now->postings[j]);
        i += order <= 0;
        j += order >= 0;
    }
}

void hs_index_change(struct history_shard *shard, struct hs_index_step *step, const struct run *run,
                     const struct transition_shown *before, bool gone)
{
    struct transition_shown shown = {0};
    struct shown_row old, now;

    if (!gone)
        shown = shown_now(run);
    const bool same_attributes = !gone && !shard->index.rebuild && before->start_ns != 0 &&
                                 slice_eq(before->attributes, shown.attributes);
    const bool closes = same_attributes && before->close_ns == 0 && shown.close_ns != 0;
    if (same_attributes && before->close_ns == shown.close_ns &&
        before->start_ns == shown.start_ns && before->status == shown.status)
        return;
    row_of(run, &shown, true, step->arena, &now);
    row_of(run, before, !closes, step->arena, &old);
    if (closes)
        move_postings(shard, step, &old.key, &now);
    else
        change_postings(shard, step, &old, &now);
    const bool counted = old.indexed && is_counted(shard, &old.key);
    if (!counted || !now.indexed || old.status != now.status) {
        if (counted)
            step_count(shard, step, old.key.bytes, old.status, -1);
        if (now.indexed)
            step_count(shard, step, now.key.bytes, now.status, 1);
    }
    if (old.exists)
        touch(shard, step, &old.key);
    if (now.exists)
        touch(shard, step, &now.key);
}

static void format_op(const struct history_shard *shard, struct hs_index_step *step)
{
    static const uint8_t format[] = {HS_INDEX_FORMAT};
    uint8_t key[HS_FORMAT_KEY_LEN];

    hs_format_key(key, shard->first_tablet);
    add_op(step, STORE_PUT, slice_of(key, sizeof key), slice_of(format, sizeof format));
}

void hs_index_finish(struct history_shard *shard, struct hs_index_step *step)
{
    if (step->delta_count == 0 || !shard->index.ready)
        return;
    for (uint32_t i = 0; i < step->delta_count; i++) {
        bool first = true;

        for (uint32_t j = 0; j < i; j++)
            first = first && step->deltas[j].counters != step->deltas[i].counters;
        if (first)
            counters_op(shard, step, step->deltas[i].counters);
    }
    if (!shard->index.has_row)
        format_op(shard, step);
}

void hs_index_staged(struct history_shard *shard, const struct hs_index_step *step, int64_t seq)
{
    struct hs_rebuild *rebuild = shard->index.rebuild;

    if (step->delta_count > 0) {
        shard->index.seq = seq;
        shard->index.has_row = shard->index.has_row || shard->index.ready;
    }
    for (uint32_t i = 0; rebuild && i < step->touched_count; i++) {
        if (map_get(&rebuild->touched, step->touched[i]))
            continue;
        struct touched_row *row = calloc(1, sizeof *row);
        must(row != NULL);
        memcpy(row->key, step->touched[i].ptr, ROW_KEY_LEN);
        map_put(&rebuild->touched, slice_of(row->key, ROW_KEY_LEN), &row->node);
    }
}

void hs_index_failed(struct history_shard *shard, const struct hs_index_step *step)
{
    UNUSED(shard);
    for (uint32_t i = 0; i < step->delta_count; i++)
        step->deltas[i].counters->counts[step->deltas[i].status] -=
            (uint64_t)(int64_t)step->deltas[i].by;
}

/* -- opening -------------------------------------------------------------------------------------
 */

void hs_index_init(struct history_shard *shard)
{
    shard->index = (struct hs_index){.ready = true,
                                     .slice_rows = SLICE_ROWS,
                                     .range_of_page = RANGE_OF_PAGE,
                                     .range_of_count = RANGE_OF_COUNT,
                                     .probe_range = PROBE_RANGE,
                                     .probe_rows = PROBE_ROWS};
    map_init(&shard->index.counters, rng_u64(&shard->rng));
}

static void rebuild_free(struct history_shard *shard)
{
    struct hs_rebuild *rebuild = shard->index.rebuild;

    if (!rebuild)
        return;
    for (struct map_node *it = map_next(&rebuild->touched, NULL), *next; it; it = next) {
        next = map_next(&rebuild->touched, it);
        map_remove(&rebuild->touched, it);
        free(CONTAINER_OF(it, struct touched_row, node));
    }
    map_release(&rebuild->touched);
    arena_release(&rebuild->arena);
    free(rebuild);
    shard->index.rebuild = NULL;
}

void hs_index_release(struct history_shard *shard)
{
    rebuild_free(shard);
    for (struct map_node *it = map_next(&shard->index.counters, NULL), *next; it; it = next) {
        next = map_next(&shard->index.counters, it);
        map_remove(&shard->index.counters, it);
        free(CONTAINER_OF(it, struct hs_counters, node));
    }
    map_release(&shard->index.counters);
}

struct load {
    struct history_shard *shard;
    bool any;
    enum err err;
};

static bool visit_counter(void *arg, struct slice key, struct slice value)
{
    struct load *load = arg;

    if (key.len == HS_FORMAT_KEY_LEN) {
        load->shard->index.has_row = value.len == 1 && value.ptr[0] == HS_INDEX_FORMAT;
        return true;
    }
    if (key.len != HS_COUNTERS_KEY_LEN || !load->shard->index.has_row ||
        !hs_counters_decode(value, counters_at(load->shard, key.ptr + HS_POSTING_AT)->counts)) {
        load->err = ERR_CORRUPT;
        return false;
    }
    return true;
}

static bool visit_any(void *arg, struct slice key, struct slice value)
{
    struct load *load = arg;

    UNUSED(key);
    UNUSED(value);
    load->any = true;
    return false;
}

static enum err load_read(struct store_snapshot *snapshot, void *arg)
{
    struct load *load = arg;
    uint8_t from[HS_ROW_PREFIX_LEN] = {load->shard->first_tablet}, to[HS_ROW_PREFIX_LEN];

    memcpy(to, from, sizeof to);
    const size_t to_len = hs_prefix_end(to, sizeof to);
    const enum err err = store_scan(snapshot, STORE_VISIBILITY, slice_of(from, sizeof from),
                                    slice_of(to, to_len), false, visit_counter, load);

    if (err != ERR_OK || load->err != ERR_OK)
        return err != ERR_OK ? err : load->err;
    return store_scan(snapshot, STORE_VISIBILITY, SLICE_LIT("\0"), SLICE_EMPTY, false, visit_any,
                      load);
}

enum err hs_index_load(struct history_shard *shard)
{
    struct load load = {.shard = shard};
    const enum err err = store_read_now(shard->store, load_read, &load);

    shard->index.ready = shard->index.has_row || !load.any;
    return err;
}

/* -- making what is missing ----------------------------------------------------------------------
 */

static bool visit_row(void *arg, struct slice key, struct slice value)
{
    struct hs_rebuild *rebuild = arg;
    struct vis_execution execution;
    struct slice info;

    if (key.len != ROW_KEY_LEN || key.ptr[HS_ROW_PREFIX_LEN] < HS_ORDER_FIRST ||
        (rebuild->at_len > 0 && slice_cmp(key, slice_of(rebuild->at, rebuild->at_len)) <= 0))
        return true;
    if (rebuild->row_count == rebuild->rows_max || rebuild->bytes > SLICE_BYTES) {
        rebuild->more = true;
        return false;
    }
    struct slice_row *row = &rebuild->rows[rebuild->row_count++];
    *row = (struct slice_row){0};
    memcpy(row->key, key.ptr, ROW_KEY_LEN);
    rebuild->err = row_visibility_decode(&rebuild->arena, value, &info);
    if (rebuild->err == ERR_OK && !vis_execution_read(info, &execution))
        rebuild->err = ERR_CORRUPT;
    if (rebuild->err != ERR_OK)
        return false;
    row->status = execution.status;
    if (vis_is_indexed(&execution, &rebuild->arena))
        vis_postings_of(&execution, &rebuild->arena, &row->postings, &row->count);
    rebuild->bytes += row->count * HS_INDEX_KEY_MAX;
    return true;
}

static enum err slice_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct hs_rebuild *rebuild = CONTAINER_OF(arg, struct hs_rebuild, job);
    const struct slice from =
        rebuild->at_len > 0 ? slice_of(rebuild->at, rebuild->at_len) : SLICE_LIT("\0");

    const enum err err =
        store_scan(snapshot, STORE_VISIBILITY, from, SLICE_EMPTY, false, visit_row, rebuild);
    return err != ERR_OK ? err : rebuild->err;
}

/* What the walk found: those rows that have not changed since it began. */
static void slice_ops(struct history_shard *shard, struct hs_index_step *step, bool count_only)
{
    const struct hs_rebuild *rebuild = shard->index.rebuild;

    for (uint32_t i = 0; i < rebuild->row_count; i++) {
        const struct slice_row *row = &rebuild->rows[i];

        if (!row->postings || map_get(&rebuild->touched, slice_of(row->key, ROW_KEY_LEN)))
            continue;
        if (count_only)
            counters_at(shard, row->key + 1)->counts[row->status]++;
        for (uint32_t j = 0; !count_only && j < row->count; j++)
            add_posting(shard, step, STORE_PUT, row->key, &row->postings[j]);
    }
}

static enum err stage(struct history_shard *shard, const struct hs_index_step *step, int64_t *seq)
{
    if (step->count == 0) {
        *seq = shard->durable;
        return ERR_OK;
    }
    return store_stage(shard->store, step->ops, step->count, true, seq);
}

/* All rows are done: the counters, and the row that says so. */
static void finish(struct history_shard *shard)
{
    struct hs_rebuild *rebuild = shard->index.rebuild;
    struct hs_index_step step = {.arena = &rebuild->arena};

    for (struct map_node *it = map_next(&shard->index.counters, NULL); it;
         it = map_next(&shard->index.counters, it))
        counters_op(shard, &step, CONTAINER_OF(it, struct hs_counters, node));
    format_op(shard, &step);
    if (stage(shard, &step, &rebuild->seq) != ERR_OK) {
        rebuild->again_ns = hs_mono_ns(shard) + AGAIN_NS;
        return;
    }
    shard->index.seq = rebuild->seq;
    shard->index.ready = shard->index.has_row = true;
    rebuild_free(shard);
}

static void slice_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct hs_rebuild *rebuild = CONTAINER_OF(arg, struct hs_rebuild, job);
    struct hs_index_step step = {.arena = &rebuild->arena};

    rebuild->reading = false;
    if (err == ERR_CANCELED)
        return;
    if (err == ERR_CORRUPT) { /* filters find no more than they would by scanning */
        log_error(shard->options.log, "a visibility row can't be read: no index",
                  F_U64("shard_id", shard->options.shard_id));
        rebuild->again_ns = INT64_MAX;
        rebuild->over = false;
        rebuild->seq = INT64_MAX;
        return;
    }
    if (err == ERR_OK) {
        slice_ops(shard, &step, false);
        err = stage(shard, &step, &rebuild->seq);
    }
    if (err != ERR_OK) {
        rebuild->again_ns = hs_mono_ns(shard) + AGAIN_NS;
        return;
    }
    slice_ops(shard, &step, true);
    if (rebuild->row_count > 0) {
        memcpy(rebuild->at, rebuild->rows[rebuild->row_count - 1].key, ROW_KEY_LEN);
        rebuild->at_len = ROW_KEY_LEN;
    }
    rebuild->over = !rebuild->more;
    hs_index_run(shard);
}

void hs_index_run(struct history_shard *shard)
{
    struct hs_rebuild *rebuild = shard->index.rebuild;

    if (!rebuild || rebuild->reading || shard->draining || shard->closing || shard->lost ||
        rebuild->seq > shard->durable ||
        (rebuild->again_ns != INT64_MAX && rebuild->again_ns > hs_mono_ns(shard)))
        return;
    rebuild->again_ns = INT64_MAX;
    rebuild->row_count = 0;
    rebuild->rows_max = shard->index.slice_rows;
    rebuild->bytes = 0;
    rebuild->more = false;
    rebuild->err = ERR_OK;
    arena_reset(&rebuild->arena);
    if (rebuild->over) {
        finish(shard);
        return;
    }
    rebuild->reading = true;
    rebuild->job = (struct hs_job){.read = slice_read, .done = slice_done};
    hs_read(shard, &rebuild->job);
}

int64_t hs_index_next_mono_ns(const struct history_shard *shard)
{
    return shard->index.rebuild ? shard->index.rebuild->again_ns : INT64_MAX;
}

void hs_index_open(struct history_shard *shard)
{
    if (shard->index.ready)
        return;
    struct hs_rebuild *rebuild = calloc(1, sizeof *rebuild);
    must(rebuild != NULL);
    map_init(&rebuild->touched, rng_u64(&shard->rng));
    arena_init(&rebuild->arena);
    rebuild->again_ns = INT64_MAX;
    shard->index.rebuild = rebuild;
    hs_index_run(shard);
}
