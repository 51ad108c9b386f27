/* deadlines.c - see deadlines.h.
 *
 * 1. Every live row of an assigned shard up to `window_end_ns` is an item here, or its cast or
 *    page is on its way.
 * 2. An item is in the heap and in the map from its arrival until it is fired or forgotten.
 * 3. At most one pull of a shard is in flight; its answer counts only in the epoch of its asking.
 * 4. A window that is full gives up its far end: it then ends before the first row given up. */
#include "timers/deadlines.h"

#include "common/base/heap.h"
#include "common/base/list.h"
#include "common/base/map.h"

#include <stdlib.h>

enum {
    RUN_ID_MAX = 36,
    KEY_BYTES = 4 + 8 + RUN_ID_MAX,
    SHARDS_MAX = 256,
    SHARD_ITEMS_MIN = 500,
    FIRE_MAX = 500, /* rows of one cast */
};

static const int64_t horizon_min_ms = 60 * 1000;
static const int64_t horizon_max_ms = 3600 * 1000;
static const int64_t backoff_min_ns = 100 * NS_PER_MS;
static const int64_t backoff_max_ns = 5 * NS_PER_S;
static const int64_t refire_ns = 100 * NS_PER_MS;

const struct deadlines_limits deadlines_limits_default = {
    .items = 10000, .total = 200000, .page = 1000, .batch = 2000};

enum due_kind { DUE_ILLEGAL, DUE_ITEM, DUE_PULL };
struct due {
    struct heap_node node;
    enum due_kind kind;
};

struct item {
    struct due due;
    struct map_node by_key;
    struct list node; /* in shard->items */
    struct shard *shard;
    int64_t at_wall_ns;
    uint8_t tablet, run_id_len;
    uint8_t key[KEY_BYTES]; /* ends with the run id */
};

struct shard {
    struct map_node by_id;
    uint32_t id;
    uint64_t epoch, process;
    uint64_t number; /* of the last cast seen */
    struct list items;
    uint32_t count;
    struct due pull_due;
    uint64_t pull_id; /* 0: none in flight */
    bool pull_again;  /* from the start, once the one in flight is answered */
    bool has_more;    /* rows beyond the window's end are known to stand */
    int64_t window_end_ns;
    int64_t after_wall_ns; /* the rows before this key are known */
    uint8_t after_run_id[RUN_ID_MAX];
    uint32_t after_run_id_len;
    int64_t horizon_ms, backoff_ns;
    /* what the present deadlines_run_due() fires */
    struct list firing;
    uint32_t firing_count;
};

struct pull {
    struct map_node by_id;
    uint32_t shard;
};

struct deadlines {
    struct deadlines_options o;
    struct deadlines_limits limits;
    struct map shards, items, pulls;
    struct heap due;
    uint64_t last_id;
    struct counter *fired, *pulls_made, *gaps;
    struct gauge *item_count;
};

struct deadlines *deadlines_new(const struct deadlines_options *options)
{
    struct deadlines *d = calloc(1, sizeof *d);

    must(d != NULL);
    d->o = *options;
    d->limits = *options->limits;
    map_init(&d->shards, options->seed);
    map_init(&d->items, options->seed);
    map_init(&d->pulls, options->seed);
    heap_init(&d->due);
    d->fired = metrics_counter(options->metrics, "gnomon_timers_fired", "");
    d->pulls_made = metrics_counter(options->metrics, "gnomon_timers_pulls", "");
    d->gaps = metrics_counter(options->metrics, "gnomon_timers_gaps", "");
    d->item_count = metrics_gauge(options->metrics, "gnomon_timers_window_items", "");
    return d;
}

static void due_at(struct deadlines *d, struct due *due, int64_t at_ns)
{
    must(due->kind != DUE_ILLEGAL);
    heap_remove(&d->due, &due->node);
    heap_add(&d->due, &due->node, at_ns);
}

/* -- items ---------------------------------------------------------------------------------- */

static size_t key_write(uint8_t key[KEY_BYTES], uint32_t shard, int64_t at_wall_ns,
                        struct slice run_id)
{
    memcpy(key, &shard, 4);
    memcpy(key + 4, &at_wall_ns, 8);
    memcpy(key + 12, run_id.ptr, run_id.len);
    return 12 + run_id.len;
}

static void item_free(struct deadlines *d, struct item *item)
{
    heap_remove(&d->due, &item->due.node);
    map_remove(&d->items, &item->by_key);
    list_remove(&item->node);
    must(item->shard->count > 0);
    item->shard->count--;
    free(item);
}

static uint32_t items_max(const struct deadlines *d)
{
    const size_t shards = d->shards.count ? d->shards.count : 1;
    const size_t share = d->limits.total / shards;

    if (share >= d->limits.items)
        return d->limits.items;
    return share < SHARD_ITEMS_MIN ? SHARD_ITEMS_MIN : (uint32_t)share;
}

static int by_due(const void *a, const void *b)
{
    const struct item *const *x = a, *const *y = b;
    const int64_t left = (*x)->due.node.at, right = (*y)->due.node.at;

    return left < right ? -1 : left > right;
}

/* The window is full: keep the nearer half, end the window before the rest. Rare, and half the
 * window goes: so its cost is spread over many rows. */
static void trim(struct deadlines *d, struct shard *shard)
{
    struct item **all = calloc(shard->count, sizeof *all);
    uint32_t count = 0;

    must(all != NULL);
    LIST_EACH(it, &shard->items)
    all[count++] = CONTAINER_OF(it, struct item, node);
    must(count == shard->count);
    qsort(all, count, sizeof(struct item *), by_due);
    const uint32_t keep = count / 2;
    const struct item *end = all[keep];
    shard->window_end_ns = end->due.node.at;
    shard->has_more = true;
    shard->after_wall_ns = end->at_wall_ns;
    for (uint32_t i = 0; i < count; i++)
        if (i >= keep && all[i]->at_wall_ns < shard->after_wall_ns)
            shard->after_wall_ns = all[i]->at_wall_ns;
    shard->after_run_id_len = 0; /* from the first key of that moment on */
    for (uint32_t i = keep; i < count; i++)
        item_free(d, all[i]);
    free(all);
}

/* Hold one row; false: it is known already. */
static bool add_one(struct deadlines *d, struct shard *shard, const struct rpc_deadline *row,
                    int64_t now_ns)
{
    uint8_t key[KEY_BYTES];
    const size_t len = key_write(key, shard->id, row->at_wall_ns, row->run_id);

    if (map_get(&d->items, slice_of(key, len)))
        return false;
    struct item *item = calloc(1, sizeof *item);
    must(item != NULL);
    item->due.kind = DUE_ITEM;
    item->shard = shard;
    item->at_wall_ns = row->at_wall_ns;
    item->tablet = row->tablet;
    item->run_id_len = (uint8_t)row->run_id.len;
    memcpy(item->key, key, len);
    map_put(&d->items, slice_of(item->key, len), &item->by_key);
    list_push_back(&shard->items, &item->node);
    shard->count++;
    /* one more millisecond: the sender's was cut off */
    const int64_t remaining_ms = row->remaining_ms > 0 ? row->remaining_ms + 1 : 0;
    due_at(d, &item->due, now_ns + remaining_ms * NS_PER_MS);
    if (shard->count > items_max(d))
        trim(d, shard);
    return true;
}

static bool row_ok(const struct deadlines *d, const struct rpc_deadline *row)
{
    const bool ok = row->run_id.len > 0 && row->run_id.len <= RUN_ID_MAX &&
                    row->remaining_ms < INT64_MAX / NS_PER_MS / 4;

    if (!ok)
        log_warn(d->o.log, "deadline row out of bounds");
    return ok;
}

/* -- shards --------------------------------------------------------------------------------- */

static struct shard *shard_find(const struct deadlines *d, uint32_t id)
{
    struct map_node *node = map_get_u64(&d->shards, id);

    return node ? CONTAINER_OF(node, struct shard, by_id) : NULL;
}

/* A row that a page will bring: it lies behind the window's end, which is known by its key. */
static bool beyond(const struct shard *shard, const struct rpc_deadline *row)
{
    if (!shard->has_more || row->at_wall_ns != shard->after_wall_ns)
        return shard->has_more && row->at_wall_ns > shard->after_wall_ns;
    return slice_cmp(row->run_id, slice_of(shard->after_run_id, shard->after_run_id_len)) >= 0;
}

static void forget_items(struct deadlines *d, struct shard *shard)
{
    while (!list_empty(&shard->items))
        item_free(d, CONTAINER_OF(shard->items.next, struct item, node));
}

static void shard_free(struct deadlines *d, struct shard *shard)
{
    forget_items(d, shard);
    heap_remove(&d->due, &shard->pull_due.node);
    map_remove(&d->shards, &shard->by_id);
    free(shard);
    gauge_set(d->item_count, (int64_t)d->items.count);
}

void deadlines_free(struct deadlines *d)
{
    if (!d)
        return;
    for (struct map_node *node; (node = map_next(&d->shards, NULL));)
        shard_free(d, CONTAINER_OF(node, struct shard, by_id));
    for (struct map_node *node; (node = map_next(&d->pulls, NULL));) {
        map_remove(&d->pulls, node);
        free(CONTAINER_OF(node, struct pull, by_id));
    }
    map_release(&d->shards);
    map_release(&d->items);
    map_release(&d->pulls);
    heap_release(&d->due);
    free(d);
}

static void pull_now(struct deadlines *d, struct shard *shard)
{
    struct pull *pull = calloc(1, sizeof *pull);

    must(pull != NULL && shard->pull_id == 0);
    heap_remove(&d->due, &shard->pull_due.node);
    shard->pull_again = false;
    shard->pull_id = ++d->last_id;
    pull->shard = shard->id;
    map_put_u64(&d->pulls, shard->pull_id, &pull->by_id);
    counter_add(d->pulls_made, 1);
    const uint32_t half = items_max(d) / 2;
    const struct rpc_assign request = {
        .history_shard = shard->id,
        .epoch = shard->epoch,
        .process = shard->process,
        .after_wall_ns = shard->after_wall_ns,
        .after_run_id = slice_of(shard->after_run_id, shard->after_run_id_len),
        .horizon_ms = shard->horizon_ms,
        .limit = d->limits.page < half ? d->limits.page : half,
    };
    d->o.out->pull(d->o.out->arg, shard->pull_id, shard->process, &request);
}

/* Everything again, from the first row on. What is held stays: it is at worst fired in vain. */
static void pull_from_start(struct deadlines *d, struct shard *shard)
{
    shard->after_wall_ns = 0;
    shard->after_run_id_len = 0;
    if (shard->pull_id)
        shard->pull_again = true;
    else
        pull_now(d, shard);
}

void deadlines_assign(struct deadlines *d, const struct rpc_assign *assign, int64_t now_ns)
{
    struct shard *shard = shard_find(d, assign->history_shard);

    if (shard && shard->epoch == assign->epoch && shard->process == assign->process)
        return;
    if (!shard && d->shards.count >= SHARDS_MAX) {
        log_warn(d->o.log, "too many shards assigned", F_U64("shard_id", assign->history_shard));
        return;
    }
    if (!shard) {
        shard = calloc(1, sizeof *shard);
        must(shard != NULL);
        shard->id = assign->history_shard;
        list_init(&shard->items);
        list_init(&shard->firing);
        shard->pull_due.kind = DUE_PULL;
        map_put_u64(&d->shards, shard->id, &shard->by_id);
    }
    forget_items(d, shard);
    shard->epoch = assign->epoch;
    shard->process = assign->process;
    shard->number = 0;
    shard->pull_id = 0; /* an answer to it no longer counts */
    shard->has_more = false;
    shard->window_end_ns = now_ns;
    shard->horizon_ms = horizon_min_ms;
    shard->backoff_ns = 0;
    pull_from_start(d, shard);
}

void deadlines_add(struct deadlines *d, const struct rpc_deadlines *cast, int64_t now_ns)
{
    struct shard *shard = shard_find(d, cast->history_shard);

    if (!shard || shard->epoch != cast->epoch || cast->number <= shard->number)
        return;
    const bool gap = cast->number != shard->number + 1;
    shard->number = cast->number;
    for (uint32_t i = 0; i < cast->count; i++) {
        const struct rpc_deadline *row = &cast->items[i];

        if (!row_ok(d, row))
            continue;
        if (!shard->pull_id && beyond(shard, row)) /* a page on its way may not have it */
            continue;
        (void)add_one(d, shard, row, now_ns);
    }
    if (gap) {
        counter_add(d->gaps, 1);
        pull_from_start(d, shard);
    }
    gauge_set(d->item_count, (int64_t)d->items.count);
}

static bool has_room(const struct deadlines *d, const struct shard *shard)
{
    return shard->count <= items_max(d) / 4;
}

/* When is the next page to be asked for? */
static void schedule_pull(struct deadlines *d, struct shard *shard, int64_t now_ns)
{
    const int64_t span_ns = shard->window_end_ns - now_ns;
    int64_t at_ns = shard->window_end_ns - span_ns / 6; /* well before the window ends */

    if (shard->has_more && has_room(d, shard))
        at_ns = now_ns;
    if (at_ns < now_ns + shard->backoff_ns)
        at_ns = now_ns + shard->backoff_ns;
    if (at_ns <= now_ns)
        pull_now(d, shard);
    else
        due_at(d, &shard->pull_due, at_ns);
}

static void pull_failed(struct deadlines *d, struct shard *shard, int64_t now_ns)
{
    shard->backoff_ns = shard->backoff_ns ? shard->backoff_ns * 2 : backoff_min_ns;
    if (shard->backoff_ns > backoff_max_ns)
        shard->backoff_ns = backoff_max_ns;
    due_at(d, &shard->pull_due, now_ns + shard->backoff_ns);
}

static void remember_end(struct shard *shard, const struct rpc_deadline *last)
{
    shard->after_wall_ns = last->at_wall_ns;
    shard->after_run_id_len = (uint32_t)last->run_id.len;
    memcpy(shard->after_run_id, last->run_id.ptr, last->run_id.len);
}

/* The window's end when all of a page is held. */
static void end_window(struct shard *shard, const struct rpc_deadlines *page, int64_t now_ns)
{
    int64_t reach_ms = page->horizon_ms > 0 && page->horizon_ms < horizon_max_ms
                           ? page->horizon_ms
                           : shard->horizon_ms;

    shard->has_more = page->has_more;
    if (page->count) {
        const struct rpc_deadline *last = &page->items[page->count - 1];

        remember_end(shard, last);
        if (page->has_more)
            reach_ms = last->remaining_ms > 0 ? last->remaining_ms : 0;
    }
    shard->window_end_ns = now_ns + reach_ms * NS_PER_MS;
}

static void take_page(struct deadlines *d, struct shard *shard, const struct rpc_deadlines *page,
                      int64_t now_ns)
{
    uint32_t added = 0;

    for (uint32_t i = 0; i < page->count; i++)
        if (!row_ok(d, &page->items[i])) {
            pull_failed(d, shard, now_ns);
            return;
        }
    end_window(shard, page, now_ns);
    const bool has_more = shard->has_more;
    shard->has_more = false;
    for (uint32_t i = 0; i < page->count; i++)
        if (!beyond(shard, &page->items[i])) /* trimmed meanwhile: the window ends before it */
            added += add_one(d, shard, &page->items[i], now_ns);
    shard->has_more = shard->has_more || has_more;

    /* a page without progress is not asked for again at once */
    shard->backoff_ns = has_more && added == 0 ? backoff_min_ns : 0;
    if (shard->has_more)
        shard->horizon_ms = horizon_min_ms;
    else if (has_room(d, shard) && shard->horizon_ms < horizon_max_ms)
        shard->horizon_ms *= 2;
    if (shard->horizon_ms > horizon_max_ms)
        shard->horizon_ms = horizon_max_ms;
    schedule_pull(d, shard, now_ns);
}

void deadlines_on_pulled(struct deadlines *d, uint64_t pull_id, enum err err,
                         const struct rpc_deadlines *page, int64_t now_ns)
{
    struct map_node *node = map_get_u64(&d->pulls, pull_id);

    must(node != NULL);
    struct pull *pull = CONTAINER_OF(node, struct pull, by_id);
    struct shard *shard = shard_find(d, pull->shard);
    map_remove(&d->pulls, &pull->by_id);
    free(pull);
    if (!shard || shard->pull_id != pull_id)
        return; /* of an assignment that is over */
    shard->pull_id = 0;
    if (err == ERR_STALE) {
        shard_free(d, shard); /* the owner has given the shard to somebody else */
        return;
    }
    if (shard->pull_again) {
        pull_now(d, shard); /* a part of the window may be missing: this page is not its start */
        return;
    }
    if (err != ERR_OK) {
        pull_failed(d, shard, now_ns);
        return;
    }
    take_page(d, shard, page, now_ns);
    gauge_set(d->item_count, (int64_t)d->items.count);
}

void deadlines_process_lost(struct deadlines *d, uint64_t process)
{
    for (struct map_node *node = map_next(&d->shards, NULL), *next; node; node = next) {
        struct shard *shard = CONTAINER_OF(node, struct shard, by_id);

        next = map_next(&d->shards, node);
        if (shard->process == process)
            shard_free(d, shard);
    }
}

void deadlines_process_reset(struct deadlines *d, uint64_t process, int64_t now_ns)
{
    UNUSED(now_ns);
    for (struct map_node *node = map_next(&d->shards, NULL); node;
         node = map_next(&d->shards, node)) {
        struct shard *shard = CONTAINER_OF(node, struct shard, by_id);

        if (shard->process == process)
            pull_from_start(d, shard);
    }
}

void deadlines_shard_lost(struct deadlines *d, uint32_t timers_shard)
{
    for (struct map_node *node = map_next(&d->shards, NULL), *next; node; node = next) {
        struct shard *shard = CONTAINER_OF(node, struct shard, by_id);

        next = map_next(&d->shards, node);
        if (rpc_timers_shard(shard->id) == timers_shard)
            shard_free(d, shard);
    }
}

/* -- firing --------------------------------------------------------------------------------- */

int64_t deadlines_next_due_ns(const struct deadlines *d)
{
    const struct heap_node *first = heap_first(&d->due);

    return first ? first->at : INT64_MAX;
}

/* Send what was gathered; what can't be sent is due again a little later. */
static void fire_shard(struct deadlines *d, struct shard *shard, int64_t now_ns)
{
    struct rpc_deadline rows[FIRE_MAX];
    uint32_t count = 0;

    LIST_EACH(it, &shard->firing)
    {
        const struct item *item = CONTAINER_OF(it, struct item, node);

        must(count < FIRE_MAX);
        rows[count++] = (struct rpc_deadline){.at_wall_ns = item->at_wall_ns,
                                              .tablet = item->tablet,
                                              .run_id = slice_of(item->key + 12, item->run_id_len)};
    }
    const struct rpc_deadlines due = {
        .history_shard = shard->id, .epoch = shard->epoch, .items = rows, .count = count};
    const bool sent = d->o.out->fire(d->o.out->arg, shard->process, &due);
    LIST_EACH_SAFE(it, tmp, &shard->firing)
    {
        struct item *item = CONTAINER_OF(it, struct item, node);

        if (sent) {
            item_free(d, item);
        } else {
            list_remove(&item->node);
            list_push_back(&shard->items, &item->node);
            due_at(d, &item->due, now_ns + refire_ns);
        }
    }
    shard->firing_count = 0;
    if (sent)
        counter_add(d->fired, count);
}

static void gather(struct deadlines *d, struct item *item, int64_t now_ns)
{
    struct shard *shard = item->shard;

    list_remove(&item->node);
    list_push_back(&shard->firing, &item->node);
    if (++shard->firing_count == FIRE_MAX)
        fire_shard(d, shard, now_ns);
}

void deadlines_run_due(struct deadlines *d, int64_t now_ns)
{
    struct heap_node *node;
    uint32_t items = 0;

    while (items < d->limits.batch && (node = heap_first(&d->due)) && node->at <= now_ns) {
        struct due *due = CONTAINER_OF(node, struct due, node);

        heap_remove(&d->due, node);
        if (due->kind == DUE_ITEM) {
            gather(d, CONTAINER_OF(due, struct item, due), now_ns);
            items++;
        } else {
            struct shard *shard = CONTAINER_OF(due, struct shard, pull_due);

            must(due->kind == DUE_PULL);
            if (!shard->pull_id)
                pull_now(d, shard);
        }
    }
    if (items == 0)
        return;
    for (struct map_node *it = map_next(&d->shards, NULL); it; it = map_next(&d->shards, it)) {
        struct shard *shard = CONTAINER_OF(it, struct shard, by_id);

        if (shard->firing_count)
            fire_shard(d, shard, now_ns);
        if (!shard->pull_id && shard->has_more && has_room(d, shard) && shard->backoff_ns == 0)
            pull_now(d, shard);
    }
    gauge_set(d->item_count, (int64_t)d->items.count);
}
