/* deadlines.c - time: near deadlines in a heap, farther ones handed to timers, overdue ones found.
 *
 * The rows are the truth. Three ways lead from a row to engine_fire():
 *   near      within HS_NEAR_NS of a commit: the heap, without anybody else
 *   far       settled for HS_SETTLE_NS: cast to timers, which casts it back when it is due
 *   overdue   whatever is HS_OVERDUE_NS late: a look at the first rows of every tablet; it comes
 *             earlier (HS_NEAR_NS ahead) while no timers process is alive, and at open
 * No row is looked at while nothing can be due: `check_ns` is a lower bound of the first row. */
#include "history/shard/shard_int.h"

#include <stdlib.h>

enum { CHECK_MAX = 1000 };      /* rows that one look finds */
#define CHECK_PAUSE_NS NS_PER_S /* between two looks */
#define REFIRE_NS NS_PER_S      /* a deadline that firing did not move */

/* A run with a deadline near. */
struct hs_deadline {
    struct heap_node heap;
    struct map_node node;
    char run_id[UUID_TEXT_LEN + 1];
    uint8_t tablet;
};

/* A row that was written lately: worth telling timers if it lives on. */
struct hs_settling {
    struct list node;
    int64_t at_mono_ns, seq;
    int64_t row_ns;
    char run_id[UUID_TEXT_LEN + 1];
    uint8_t tablet;
};

void hs_deadlines_init(struct history_shard *shard)
{
    struct hs_deadlines *d = &shard->deadlines;

    heap_init(&d->near);
    map_init(&d->by_run, rng_u64(&shard->rng));
    list_init(&d->settling);
    d->check_ns = INT64_MAX;
    d->checked_mono_ns = INT64_MIN / 2;
}

void hs_deadlines_release(struct history_shard *shard)
{
    struct hs_deadlines *d = &shard->deadlines;

    for (struct map_node *it; (it = map_next(&d->by_run, NULL));) {
        struct hs_deadline *deadline = CONTAINER_OF(it, struct hs_deadline, node);

        map_remove(&d->by_run, it);
        free(deadline);
    }
    for (struct list *it; (it = list_pop_front(&d->settling));)
        free(CONTAINER_OF(it, struct hs_settling, node));
    heap_release(&d->near);
    map_release(&d->by_run);
}

/* -- the heap ------------------------------------------------------------------------------- */

static struct hs_deadline *find(struct history_shard *shard, const char *run_id)
{
    struct map_node *node = map_get(&shard->deadlines.by_run, slice_str(run_id));

    return node ? CONTAINER_OF(node, struct hs_deadline, node) : NULL;
}

static void drop(struct history_shard *shard, struct hs_deadline *deadline)
{
    heap_remove(&shard->deadlines.near, &deadline->heap);
    map_remove(&shard->deadlines.by_run, &deadline->node);
    free(deadline);
}

static void place(struct history_shard *shard, const char *run_id, uint8_t tablet, int64_t at_ns)
{
    struct hs_deadline *deadline = find(shard, run_id);

    if (deadline) {
        heap_remove(&shard->deadlines.near, &deadline->heap);
    } else {
        deadline = calloc(1, sizeof *deadline);
        must(deadline != NULL);
        memcpy(deadline->run_id, run_id, sizeof deadline->run_id);
        deadline->tablet = tablet;
        map_put(&shard->deadlines.by_run, slice_str(deadline->run_id), &deadline->node);
    }
    heap_add(&shard->deadlines.near, &deadline->heap, at_ns);
}

void hs_deadline_near(struct history_shard *shard, const char *run_id, uint8_t tablet,
                      int64_t at_ns)
{
    if (!find(shard, run_id))
        place(shard, run_id, tablet, at_ns);
}

/* Near, or earlier than what the run's row says: the time-out of a workflow task that lives in
 * memory only, which nobody else looks after. */
static bool is_for_the_heap(const struct run *run, int64_t due_ns, int64_t now_ns)
{
    const int64_t row_ns = run->deadline_row_ns;

    return due_ns && (due_ns <= now_ns + HS_NEAR_NS || row_ns == 0 || due_ns < row_ns);
}

void hs_deadline_changed(struct history_shard *shard, const struct run *run, int64_t row_before_ns,
                         int64_t seq)
{
    struct hs_deadlines *d = &shard->deadlines;
    const int64_t due_ns = engine_deadline_ns(run), row_ns = run->deadline_row_ns;
    const int64_t now_ns = hs_now_ns(shard);

    if (is_for_the_heap(run, due_ns, now_ns)) {
        place(shard, run->run_id, run->tablet, due_ns);
    } else {
        struct hs_deadline *deadline = find(shard, run->run_id);

        if (deadline)
            drop(shard, deadline);
    }
    if (row_ns && row_ns < d->check_ns)
        d->check_ns = row_ns;
    if (row_ns == 0 || row_ns == row_before_ns || row_ns <= now_ns + HS_NEAR_NS)
        return;
    struct hs_settling *settling = calloc(1, sizeof *settling);
    must(settling != NULL);
    settling->at_mono_ns = hs_mono_ns(shard) + HS_SETTLE_NS;
    settling->seq = seq;
    settling->row_ns = row_ns;
    memcpy(settling->run_id, run->run_id, sizeof settling->run_id);
    settling->tablet = run->tablet;
    list_push_back(&d->settling, &settling->node);
}

/* -- firing --------------------------------------------------------------------------------- */

static void step_fire(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry)
{
    struct transition t;
    char run_id[UUID_TEXT_LEN + 1];
    const uint8_t tablet = entry->tablet;

    memcpy(run_id, entry->run_id, sizeof run_id);
    hs_begin(shard, req, entry->run, &t);
    const int64_t now_ns = t.now_ns;
    const enum err err = engine_fire(&t);
    hs_end(shard, req, entry, &t, err);
    /* What is still due was not carried out (a full log, say): later, not in a tight circle. */
    entry = hs_entry_find(shard, run_id);
    const int64_t due_ns = entry ? engine_deadline_ns(entry->run) : now_ns;
    if (due_ns && due_ns <= now_ns)
        place(shard, run_id, tablet, now_ns + REFIRE_NS);
    else if (entry && is_for_the_heap(entry->run, due_ns, now_ns))
        place(shard, run_id, tablet, due_ns);
}

static void fire(struct history_shard *shard, const char *run_id, uint8_t tablet)
{
    struct hs_request *req = hs_request_new(shard, (struct mesh_addr){0});

    if (!req) {
        place(shard, run_id, tablet, hs_now_ns(shard) + REFIRE_NS);
        return;
    }
    memcpy(req->run_id, run_id, sizeof req->run_id);
    req->tablet = tablet;
    req->step = step_fire;
    hs_with_run(shard, req);
}

static void fire_due(struct history_shard *shard)
{
    const int64_t now_ns = hs_now_ns(shard);
    struct heap_node *first;

    while ((first = heap_first(&shard->deadlines.near)) && first->at <= now_ns) {
        struct hs_deadline *deadline = CONTAINER_OF(first, struct hs_deadline, heap);
        char run_id[UUID_TEXT_LEN + 1];
        const uint8_t tablet = deadline->tablet;

        memcpy(run_id, deadline->run_id, sizeof run_id);
        drop(shard, deadline);
        fire(shard, run_id, tablet);
    }
}

/* -- to timers ------------------------------------------------------------------------------ */

static bool still_there(struct history_shard *shard, const struct hs_settling *settling)
{
    const struct hs_entry *entry = hs_entry_find(shard, settling->run_id);

    return !entry || entry->run->deadline_row_ns == settling->row_ns;
}

static void tell_settled(struct history_shard *shard)
{
    enum { BATCH = 256 };
    struct hs_deadlines *d = &shard->deadlines;
    struct rpc_deadline items[BATCH];
    struct list told;
    uint32_t count = 0;
    const int64_t now_ns = hs_now_ns(shard), mono_ns = hs_mono_ns(shard);

    list_init(&told);
    while (!list_empty(&d->settling) && count < BATCH) {
        struct hs_settling *first = CONTAINER_OF(d->settling.next, struct hs_settling, node);

        if (first->at_mono_ns > mono_ns || first->seq > shard->durable)
            break;
        list_remove(&first->node);
        if (first->row_ns > d->pulled_until_ns || !still_there(shard, first)) {
            free(first); /* the next pull finds it, or it is gone */
            continue;
        }
        items[count++] = (struct rpc_deadline){
            .at_wall_ns = first->row_ns,
            .remaining_ms = (first->row_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS,
            .tablet = first->tablet,
            .run_id = slice_str(first->run_id),
        };
        list_push_back(&told, &first->node);
    }
    if (count)
        hs_timers_tell(shard, items, count);
    for (struct list *it; (it = list_pop_front(&told));)
        free(CONTAINER_OF(it, struct hs_settling, node));
}

/* -- looking at the rows -------------------------------------------------------------------- */

struct found_row {
    int64_t at_ns;
    char run_id[UUID_TEXT_LEN + 1];
    uint8_t tablet;
};

struct check_job {
    struct hs_job job;
    int64_t until_ns; /* rows due up to there are wanted */
    uint8_t first_tablet;
    uint32_t tablet_count;
    struct found_row rows[CHECK_MAX];
    uint32_t count;
    bool full;
    int64_t next_ns; /* the first row after `until_ns` */
};

/* tablet 'D' due-ns(8) run-id(16) */
enum { DEADLINE_KEY_LEN = 26 };

static bool visit_row(void *arg, struct slice key, struct slice value)
{
    struct check_job *job = arg;

    UNUSED(value);
    if (key.len != DEADLINE_KEY_LEN)
        return true;
    const int64_t at_ns = (int64_t)be64_get(key.ptr + 2);
    if (at_ns > job->until_ns || job->count == CHECK_MAX) {
        job->full = job->full || at_ns <= job->until_ns;
        if (at_ns < job->next_ns)
            job->next_ns = at_ns;
        return false;
    }
    struct found_row *row = &job->rows[job->count++];
    row->at_ns = at_ns;
    row->tablet = key.ptr[0];
    uuid_format(key.ptr + 10, row->run_id);
    return true;
}

static enum err check_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct check_job *job = CONTAINER_OF(arg, struct check_job, job);

    for (uint32_t i = 0; i < job->tablet_count; i++) {
        const uint8_t from[2] = {(uint8_t)(job->first_tablet + i), 'D'};
        const uint8_t to[2] = {from[0], 'D' + 1};
        const enum err err = store_scan(snapshot, STORE_MAIN, slice_of(from, 2), slice_of(to, 2),
                                        false, visit_row, job);

        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static void check_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct check_job *job = CONTAINER_OF(arg, struct check_job, job);
    struct hs_deadlines *d = &shard->deadlines;

    d->checking = false;
    for (uint32_t i = 0; err == ERR_OK && i < job->count; i++) {
        const struct found_row *row = &job->rows[i];
        const struct hs_entry *entry = hs_entry_find(shard, row->run_id);

        if (!entry || entry->run->deadline_row_ns == row->at_ns)
            hs_deadline_near(shard, row->run_id, row->tablet, row->at_ns);
    }
    const int64_t next_ns = err == ERR_OK ? job->next_ns : hs_now_ns(shard);
    if (next_ns < d->check_ns)
        d->check_ns = next_ns;
    free(job);
    if (d->check_again)
        hs_deadlines_check(shard);
}

void hs_deadlines_check(struct history_shard *shard)
{
    struct hs_deadlines *d = &shard->deadlines;
    const bool served = d->pulled_until_ns && shard->net->alive(shard->net->self, ROLE_TIMERS);

    d->check_again = d->checking;
    if (d->checking || shard->closing)
        return;
    struct check_job *job = calloc(1, sizeof *job);
    must(job != NULL);
    job->until_ns = hs_now_ns(shard) + (served ? -HS_OVERDUE_NS : HS_NEAR_NS);
    job->next_ns = INT64_MAX;
    job->first_tablet = shard->first_tablet;
    job->tablet_count = shard->tablet_count;
    job->job.read = check_read;
    job->job.done = check_done;
    d->checking = true;
    d->check_ns = INT64_MAX; /* rows committed from now on lower it again */
    d->checked_mono_ns = hs_mono_ns(shard);
    hs_read(shard, &job->job);
}

/* The monotonic time of the next look; INT64_MAX: no row. */
static int64_t check_mono_ns(struct history_shard *shard)
{
    const struct hs_deadlines *d = &shard->deadlines;
    const bool served = d->pulled_until_ns && shard->net->alive(shard->net->self, ROLE_TIMERS);

    if (d->check_ns == INT64_MAX || d->checking)
        return INT64_MAX;
    const int64_t lead_ns = served ? -HS_OVERDUE_NS : HS_NEAR_NS;
    const int64_t at_ns = hs_mono_ns(shard) + (d->check_ns - lead_ns - hs_now_ns(shard));
    const int64_t earliest_ns = d->checked_mono_ns + CHECK_PAUSE_NS;
    return at_ns > earliest_ns ? at_ns : earliest_ns;
}

/* -- the timer ------------------------------------------------------------------------------ */

void hs_deadlines_run(struct history_shard *shard)
{
    if (shard->draining)
        return;
    fire_due(shard);
    hs_timers_assign_again(shard);
    tell_settled(shard);
    if (check_mono_ns(shard) <= hs_mono_ns(shard))
        hs_deadlines_check(shard);
}

int64_t hs_deadlines_next_mono_ns(struct history_shard *shard)
{
    const struct hs_deadlines *d = &shard->deadlines;
    const struct heap_node *first = heap_first(&d->near);
    int64_t next_ns;

    if (shard->draining)
        return INT64_MAX;
    next_ns = check_mono_ns(shard);
    if (hs_timers_assign_mono_ns(shard) < next_ns)
        next_ns = hs_timers_assign_mono_ns(shard);
    if (first) {
        const int64_t due_ns = hs_mono_ns(shard) + (first->at - hs_now_ns(shard));

        next_ns = due_ns < next_ns ? due_ns : next_ns;
    }
    if (!list_empty(&d->settling)) {
        const struct hs_settling *oldest = CONTAINER_OF(d->settling.next, struct hs_settling, node);

        /* One that is not durable yet wakes when it is: on_durable() arms the timer again. */
        if (oldest->seq <= shard->durable && oldest->at_mono_ns < next_ns)
            next_ns = oldest->at_mono_ns;
    }
    return next_ns;
}
