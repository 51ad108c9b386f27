/* retention.c - closed runs end for good: when their retention has passed, or when a client says
 * so.
 *
 * 1. A run that closes leaves a retention row, in the order of the time when its retention passes;
 *    nothing else waits for that time: the shard looks at the first of these rows when it is due.
 * 2. A deletion has two steps. First one record takes away what the run is found by: the execution
 *    row, the current-run row if it still names the run, the visibility row; and the rows of its
 *    callbacks that are still to be delivered. When that is durable
 *    its history nodes and items go, at most BATCH_KEYS keys a record, and with the last of them
 *    the retention row. A crash between finds that row again: what is left is found by the run id.
 * 3. Nodes that another run shares (engine/branches.h) stay, whole, for as long as a B row says so.
 *    The last record of a deletion drops the rows by which the run kept alive what it shared, and
 *    leaves a row in their place ("leftover") for each run that owned it: when that one is gone
 *    by then, what nobody needs of it any more goes as well. An owner that is not gone yet is left
 *    alone: its own deletion comes later, and finds no such row.
 * 4. What the run did to others and their answers (O and E rows) end by themselves: see outgoing.c
 *    and effects.c; a run that is gone waits for no answer.
 *
 * Spec: the retention is that of the namespace when the run closed; to change the namespace later
 * changes nothing for it. */
#include "history/shard/shard_int.h"

#include <stdlib.h>

enum {
    BATCH_KEYS = 256, /* of one record */
    RUNNING_MAX = 32, /* deletions at a time that a look begins */
    ASKED_MAX = 1024, /* deletions at a time; beyond that a client's waits for a look */
    RETENTION_KEY_LEN = 26,
    LEFTOVER_KEY_LEN = 27,
};
#define AGAIN_NS NS_PER_S /* after a full log or a failed read */

/* The deletion of one run. */
struct hs_deletion {
    struct list node; /* in shard->retention.running */
    struct hs_job job;
    char run_id[UUID_TEXT_LEN + 1];
    uint8_t tablet;
    int64_t row_ns;   /* of its retention row, or leftover row */
    bool leftover;    /* of a run that is gone: what others shared with it */
    bool forgotten;   /* what it is found by is gone */
    bool over;        /* the last record is staged */
    bool busy;        /* a request or a read is under way */
    int64_t seq;      /* durable before it goes on */
    int64_t again_ns; /* monotonic: not before */
    struct arena arena;
    struct slice keys[BATCH_KEYS]; /* and the rows of the end */
    uint32_t count;
    bool more;
    struct branches branches; /* of the run: whose nodes it shared */
    int64_t shared_to;        /* others need its nodes before this event */
    enum err err;
};

void hs_retention_init(struct history_shard *shard)
{
    list_init(&shard->retention.running);
    shard->retention.look_ns = INT64_MAX;
}

static void deletion_free(struct history_shard *shard, struct hs_deletion *deletion)
{
    list_remove(&deletion->node);
    shard->retention.count--;
    arena_release(&deletion->arena);
    free(deletion);
}

void hs_retention_release(struct history_shard *shard)
{
    LIST_EACH_SAFE(it, tmp, &shard->retention.running)
    {
        deletion_free(shard, CONTAINER_OF(it, struct hs_deletion, node));
    }
}

static struct hs_deletion *deletion_find(struct history_shard *shard, const char *run_id)
{
    LIST_EACH(it, &shard->retention.running)
    {
        struct hs_deletion *deletion = CONTAINER_OF(it, struct hs_deletion, node);

        if (strcmp(deletion->run_id, run_id) == 0)
            return deletion;
    }
    return NULL;
}

static struct hs_deletion *deletion_new(struct history_shard *shard, const char *run_id,
                                        uint8_t tablet, int64_t row_ns)
{
    struct hs_deletion *deletion = calloc(1, sizeof *deletion);

    must(deletion != NULL);
    memcpy(deletion->run_id, run_id, sizeof deletion->run_id);
    deletion->tablet = tablet;
    deletion->row_ns = row_ns;
    arena_init(&deletion->arena);
    list_push_back(&shard->retention.running, &deletion->node);
    shard->retention.count++;
    return deletion;
}

static void later(struct history_shard *shard, struct hs_deletion *deletion)
{
    deletion->again_ns = hs_mono_ns(shard) + AGAIN_NS;
}

/* -- the first record: the run is found no more --------------------------------------------- */

struct ops {
    struct arena *arena;
    struct store_op list[8];
    size_t count;
};

static void add(struct ops *ops, enum store_op_kind kind, enum store_family family,
                const struct row_key *key, struct slice value)
{
    must(ops->count < COUNT_OF(ops->list));
    ops->list[ops->count++] = (struct store_op){.kind = kind,
                                                .family = family,
                                                .key = arena_copy(ops->arena, row_key_slice(key)),
                                                .value = value};
}

static void drop(struct ops *ops, enum store_family family, const struct row_key *key)
{
    add(ops, STORE_DELETE, family, key, SLICE_EMPTY);
}

/* The entry is discarded; *row_ns is where the retention row stands then. */
static enum err forget(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry,
                       struct hs_current *current, int64_t *row_ns, int64_t *seq)
{
    const struct run *run = entry->run;
    const int64_t due_ns = run_retention_due_ns(run), now_ns = hs_now_ns(shard);
    const bool is_current = current->exists && strcmp(current->run.run_id, run->run_id) == 0;
    struct ops ops = {.arena = &req->arena};
    struct hs_index_step index = {.arena = &req->arena};
    struct transition_shown shown;
    struct row_key key;

    *row_ns = due_ns < now_ns ? due_ns : now_ns;
    if (*row_ns != due_ns) { /* should it be cut short, the next look finds it */
        row_key_retention(&key, run->tablet, due_ns, run->run_id);
        drop(&ops, STORE_MAIN, &key);
        row_key_retention(&key, run->tablet, *row_ns, run->run_id);
        add(&ops, STORE_PUT, STORE_MAIN, &key, row_retention(run, &req->arena));
    }
    row_key_execution(&key, run->tablet, run->run_id);
    drop(&ops, STORE_MAIN, &key);
    if (is_current) {
        row_key_current(&key, run->tablet, run->kind, run->namespace_id, run->workflow_id);
        drop(&ops, STORE_MAIN, &key);
    }
    if (run->deadline_row_ns != 0) {
        row_key_deadline(&key, run->tablet, run->deadline_row_ns, run->run_id);
        drop(&ops, STORE_MAIN, &key);
    }
    if (run->visibility_order_ns[1] != 0) {
        row_key_visibility(&key, run->tablet, run->namespace_id, run->visibility_order_ns[0],
                           run->visibility_order_ns[1], run->run_id);
        drop(&ops, STORE_VISIBILITY, &key);
        hs_index_shown(run, &req->arena, &shown);
        hs_index_change(shard, &index, run, &shown, true);
        hs_index_finish(shard, &index);
    }
    struct store_op *calls;
    const size_t call_count = hs_calls_drop(run, &req->arena, &calls);
    size_t total = ops.count;
    struct store_op *all =
        arena_alloc(&req->arena, (ops.count + index.count + call_count) * sizeof *all);
    memcpy(all, ops.list, ops.count * sizeof *all);
    memcpy(all + total, calls, call_count * sizeof *all);
    total += call_count;
    if (index.count > 0)
        memcpy(all + total, index.ops, index.count * sizeof *all);
    total += index.count;
    const enum err err = store_stage(shard->store, all, total, true, seq);
    if (err != ERR_OK) {
        hs_index_failed(shard, &index);
        return err;
    }
    hs_calls_dropped(shard, run);
    hs_index_staged(shard, &index, *seq);
    if (is_current)
        hs_current_gone(current, *seq);
    entry->seq = *seq;
    hs_entry_discard(shard, entry);
    counter_add(shard->metrics.runs_deleted, 1);
    return ERR_OK;
}

/* The current run of the entry's workflow id; NULL: it is being looked up, and the request comes
 * again. */
static struct hs_current *current_of(struct history_shard *shard, struct hs_request *req,
                                     const struct hs_entry *entry)
{
    if (req->namespace_id.len == 0) {
        req->namespace_id = arena_copy(&req->arena, entry->run->namespace_id);
        req->workflow_id = arena_copy(&req->arena, entry->run->workflow_id);
    }
    struct hs_current *current = hs_current_get(shard, req);
    if (!current->loading)
        return current;
    hs_current_wait(current, req, hs_with_run);
    return NULL;
}

static void step_forget(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry)
{
    struct hs_deletion *deletion = deletion_find(shard, req->run_id);
    const struct hs_current *current = current_of(shard, req, entry);

    if (!current)
        return;
    must(deletion != NULL && deletion->busy);
    deletion->busy = false;
    if (run_is_open(entry->run)) { /* nobody writes such a row */
        log_error(shard->options.log, "an open run has a retention row",
                  F_STR("run_id", deletion->run_id));
        deletion_free(shard, deletion);
        hs_answer(shard, req, ERR_CORRUPT, SLICE_EMPTY, 0);
        return;
    }
    const enum err err =
        forget(shard, req, entry, hs_current_get(shard, req), &deletion->row_ns, &deletion->seq);
    deletion->forgotten = err == ERR_OK;
    if (err != ERR_OK)
        later(shard, deletion);
    hs_answer(shard, req, err, SLICE_EMPTY, err == ERR_OK ? deletion->seq : 0);
}

/* A deletion that was cut short: what the run is found by is gone already. */
static void forget_failed(struct history_shard *shard, struct hs_request *req, enum err err)
{
    struct hs_deletion *deletion = deletion_find(shard, req->run_id);

    must(deletion != NULL && deletion->busy);
    deletion->busy = false;
    deletion->forgotten = err == ERR_NOT_FOUND;
    if (!deletion->forgotten)
        later(shard, deletion);
    hs_answer(shard, req, err, SLICE_EMPTY, 0);
}

static void begin_forget(struct history_shard *shard, struct hs_deletion *deletion)
{
    struct hs_request *req = hs_request_new(shard, (struct mesh_addr){0});

    if (!req) {
        later(shard, deletion);
        return;
    }
    deletion->busy = true;
    memcpy(req->run_id, deletion->run_id, sizeof req->run_id);
    req->tablet = deletion->tablet;
    req->step = step_forget;
    req->failed = forget_failed;
    hs_with_run(shard, req);
}

/* -- the further records: what is left ------------------------------------------------------- */

static bool visit_key(void *arg, struct slice key, struct slice value)
{
    struct hs_deletion *deletion = arg;

    UNUSED(value);
    if (deletion->count == COUNT_OF(deletion->keys)) {
        deletion->more = true;
        return false;
    }
    deletion->keys[deletion->count++] = arena_copy(&deletion->arena, key);
    return true;
}

static bool visit_branch(void *arg, struct slice key, struct slice value)
{
    struct hs_deletion *deletion = arg;
    const int64_t to = row_branch_to(value);

    UNUSED(key);
    if (to <= 0)
        deletion->err = ERR_CORRUPT;
    else if (to > deletion->shared_to)
        deletion->shared_to = to;
    return deletion->err == ERR_OK;
}

/* Is the run still there, whose nodes were shared? */
static enum err read_owner(struct store_snapshot *snapshot, struct hs_deletion *deletion,
                           bool *there)
{
    struct row_key key;
    struct slice value;

    row_key_execution(&key, deletion->tablet, deletion->run_id);
    return store_get(snapshot, STORE_MAIN, row_key_slice(&key), &deletion->arena, &value, there);
}

static enum err read_own_branches(struct store_snapshot *snapshot, struct hs_deletion *deletion)
{
    struct row_key key;
    struct slice value;
    bool found;

    row_key_retention(&key, deletion->tablet, deletion->row_ns, deletion->run_id);
    const enum err err =
        store_get(snapshot, STORE_MAIN, row_key_slice(&key), &deletion->arena, &value, &found);
    if (err != ERR_OK)
        return err;
    return found && row_retention_decode(value, &deletion->branches) ? ERR_OK : ERR_CORRUPT;
}

static enum err scan_keys(struct store_snapshot *snapshot, struct hs_deletion *deletion,
                          const struct row_key *from, const struct row_key *prefix,
                          store_visit_fn visit)
{
    struct row_key to = *prefix;

    to.len = hs_prefix_end(to.bytes, to.len);
    const enum err err = store_scan(snapshot, STORE_MAIN, row_key_slice(from), row_key_slice(&to),
                                    false, visit, deletion);
    return err != ERR_OK ? err : deletion->err;
}

static enum err read_rest(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct hs_deletion *deletion = CONTAINER_OF(arg, struct hs_deletion, job);
    struct row_key from, prefix;
    bool there = false;
    enum err err = deletion->leftover ? read_owner(snapshot, deletion, &there)
                                      : read_own_branches(snapshot, deletion);

    if (err != ERR_OK || there) /* its own deletion will come */
        return err;
    row_key_branches(&prefix, deletion->tablet, deletion->run_id);
    err = scan_keys(snapshot, deletion, &prefix, &prefix, visit_branch);
    if (err != ERR_OK)
        return err;
    row_key_items(&prefix, deletion->tablet, deletion->run_id);
    err = scan_keys(snapshot, deletion, &prefix, &prefix, visit_key);
    if (err != ERR_OK || deletion->more)
        return err;
    row_key_nodes(&prefix, deletion->tablet, deletion->run_id);
    row_key_node(&from, deletion->tablet, deletion->run_id, deletion->shared_to);
    return scan_keys(snapshot, deletion, &from, &prefix, visit_key);
}

static void drop_key(struct store_op *op, const struct row_key *key)
{
    *op = (struct store_op){.kind = STORE_DELETE, .family = STORE_MAIN, .key = row_key_slice(key)};
}

/* The rows that go with the last record, and those that come in their place. Gives their number. */
static size_t last_ops(struct history_shard *shard, struct hs_deletion *deletion,
                       struct row_key *keys, struct store_op *ops)
{
    static const uint8_t present[] = {1};
    const int64_t now_ns = hs_now_ns(shard);
    size_t count = 0;

    for (uint32_t i = 0; i < deletion->branches.count; i++) {
        const char *owner = deletion->branches.list[i].run_id;

        row_key_branch(&keys[count], deletion->tablet, owner, deletion->run_id);
        drop_key(&ops[count], &keys[count]);
        count++;
        row_key_leftover(&keys[count], deletion->tablet, now_ns, owner);
        ops[count] = (struct store_op){.kind = STORE_PUT,
                                       .family = STORE_MAIN,
                                       .key = row_key_slice(&keys[count]),
                                       .value = slice_of(present, sizeof present)};
        count++;
    }
    if (deletion->leftover)
        row_key_leftover(&keys[count], deletion->tablet, deletion->row_ns, deletion->run_id);
    else
        row_key_retention(&keys[count], deletion->tablet, deletion->row_ns, deletion->run_id);
    drop_key(&ops[count], &keys[count]);
    if (deletion->branches.count > 0 && now_ns < shard->retention.look_ns)
        shard->retention.look_ns = now_ns;
    return count + 1;
}

static void rest_read(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    enum { LAST_MAX = 2 * BRANCHES_MAX + 1 };
    struct hs_deletion *deletion = CONTAINER_OF(arg, struct hs_deletion, job);
    struct store_op *ops;
    size_t count = 0;

    deletion->busy = false;
    if (err == ERR_CANCELED)
        return;
    ops = arena_alloc(&deletion->arena, (BATCH_KEYS + LAST_MAX) * sizeof *ops);
    for (uint32_t i = 0; err == ERR_OK && i < deletion->count; i++)
        ops[count++] =
            (struct store_op){.kind = STORE_DELETE, .family = STORE_MAIN, .key = deletion->keys[i]};
    if (err == ERR_OK && !deletion->more) {
        struct row_key *keys = arena_alloc(&deletion->arena, LAST_MAX * sizeof *keys);

        count += last_ops(shard, deletion, keys, ops + count);
    }
    if (err == ERR_OK)
        err = store_stage(shard->store, ops, count, true, &deletion->seq);
    if (err != ERR_OK)
        later(shard, deletion);
    else
        deletion->over = !deletion->more;
    hs_retention_run(shard);
}

static void read_more(struct history_shard *shard, struct hs_deletion *deletion)
{
    deletion->busy = true;
    deletion->count = 0;
    deletion->more = false;
    deletion->branches.count = 0;
    deletion->shared_to = 0;
    deletion->err = ERR_OK;
    arena_reset(&deletion->arena);
    deletion->job = (struct hs_job){.read = read_rest, .done = rest_read};
    hs_read(shard, &deletion->job);
}

/* -- looking at the rows --------------------------------------------------------------------- */

struct look_job {
    struct hs_job job;
    int64_t until_ns;
    uint8_t first_tablet;
    uint32_t tablet_count;
    struct {
        int64_t row_ns;
        uint8_t tablet;
        bool leftover;
        char run_id[UUID_TEXT_LEN + 1];
    } rows[RUNNING_MAX];
    uint32_t count;
    int64_t next_ns; /* the first row that is not among them */
};

static bool visit_row(void *arg, struct slice key, struct slice value)
{
    struct look_job *look = arg;

    UNUSED(value);
    if (key.len != RETENTION_KEY_LEN && key.len != LEFTOVER_KEY_LEN)
        return true;
    const int64_t row_ns = (int64_t)be64_get(key.ptr + 2);
    if (row_ns > look->until_ns || look->count == RUNNING_MAX) {
        if (row_ns < look->next_ns)
            look->next_ns = row_ns;
        return false;
    }
    look->rows[look->count].row_ns = row_ns;
    look->rows[look->count].tablet = key.ptr[0];
    look->rows[look->count].leftover = key.len == LEFTOVER_KEY_LEN;
    uuid_format(key.ptr + 10, look->rows[look->count++].run_id);
    return true;
}

static enum err look_read(struct store_snapshot *snapshot, struct hs_job *arg)
{
    struct look_job *look = CONTAINER_OF(arg, struct look_job, job);

    for (uint32_t i = 0; i < look->tablet_count; i++) {
        const uint8_t from[2] = {(uint8_t)(look->first_tablet + i), 'R'};
        const uint8_t to[2] = {from[0], 'R' + 1};
        const enum err err = store_scan(snapshot, STORE_MAIN, slice_of(from, 2), slice_of(to, 2),
                                        false, visit_row, look);

        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static void look_done(struct history_shard *shard, struct hs_job *arg, enum err err)
{
    struct look_job *look = CONTAINER_OF(arg, struct look_job, job);
    struct hs_retention *r = &shard->retention;

    r->looking = false;
    bool again = err != ERR_OK;
    for (uint32_t i = 0; err == ERR_OK && i < look->count; i++) {
        const struct hs_deletion *running = deletion_find(shard, look->rows[i].run_id);

        if (!running) {
            struct hs_deletion *deletion = deletion_new(shard, look->rows[i].run_id,
                                                        look->rows[i].tablet, look->rows[i].row_ns);

            deletion->leftover = deletion->forgotten = look->rows[i].leftover;
        } else if (running->leftover != look->rows[i].leftover ||
                   running->row_ns != look->rows[i].row_ns) {
            again = true; /* two rows of a run: one after the other */
        }
    }
    int64_t next_ns = look->next_ns;
    if (again && hs_now_ns(shard) + AGAIN_NS < next_ns)
        next_ns = hs_now_ns(shard) + AGAIN_NS;
    if (next_ns < r->look_ns)
        r->look_ns = next_ns;
    free(look);
    if (err != ERR_CANCELED)
        hs_retention_run(shard);
}

static void look(struct history_shard *shard)
{
    struct look_job *look = calloc(1, sizeof *look);

    must(look != NULL);
    look->until_ns = hs_now_ns(shard);
    look->next_ns = INT64_MAX;
    look->first_tablet = shard->first_tablet;
    look->tablet_count = shard->tablet_count;
    look->job.read = look_read;
    look->job.done = look_done;
    shard->retention.looking = true;
    shard->retention.look_ns = INT64_MAX; /* runs that close from now on lower it again */
    hs_read(shard, &look->job);
}

void hs_retention_open(struct history_shard *shard)
{
    shard->retention.look_ns = 0;
    hs_retention_run(shard);
}

void hs_retention_closed(struct history_shard *shard, const struct run *run)
{
    const int64_t due_ns = run_retention_due_ns(run);

    if (due_ns < shard->retention.look_ns)
        shard->retention.look_ns = due_ns;
}

/* -- going on -------------------------------------------------------------------------------- */

static bool waits(struct history_shard *shard, const struct hs_deletion *deletion)
{
    return deletion->busy || deletion->seq > shard->durable ||
           deletion->again_ns > hs_mono_ns(shard);
}

void hs_retention_run(struct history_shard *shard)
{
    struct hs_retention *r = &shard->retention;

    if (shard->draining || shard->closing || shard->lost || r->running_now)
        return;
    r->running_now = true; /* a step that ends at once leads here again */
    LIST_EACH_SAFE(it, tmp, &r->running)
    {
        struct hs_deletion *deletion = CONTAINER_OF(it, struct hs_deletion, node);

        if (waits(shard, deletion))
            continue;
        if (deletion->over)
            deletion_free(shard, deletion);
        else if (deletion->forgotten)
            read_more(shard, deletion);
        else
            begin_forget(shard, deletion);
    }
    r->running_now = false;
    if (r->count == 0 && !r->looking && r->look_ns <= hs_now_ns(shard))
        look(shard);
}

int64_t hs_retention_next_mono_ns(struct history_shard *shard)
{
    const struct hs_retention *r = &shard->retention;
    int64_t next_ns = INT64_MAX;

    if (shard->draining)
        return INT64_MAX;
    LIST_EACH(it, &r->running)
    {
        const struct hs_deletion *deletion = CONTAINER_OF(it, struct hs_deletion, node);

        /* One that waits for durability or a read goes on when that comes. */
        if (!deletion->busy && deletion->seq <= shard->durable && deletion->again_ns < next_ns)
            next_ns = deletion->again_ns;
    }
    return r->count == 0 && !r->looking ? hs_mono_of(shard, r->look_ns) : next_ns;
}

/* -- DeleteWorkflowExecution ------------------------------------------------------------------ */

static enum err terminate(struct history_shard *shard, struct hs_request *req,
                          struct hs_entry *entry)
{
    struct transition t;

    hs_begin(shard, req, entry->run, &t);
    enum err err = engine_terminate_for_deletion(&t);
    if (err == ERR_OK)
        err = hs_commit_step(shard, req, entry, &t);
    transition_release(&t);
    return err;
}

bool hs_delete_run(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry,
                   enum err *result, int64_t *seq)
{
    struct hs_current *current = current_of(shard, req, entry);
    char run_id[UUID_TEXT_LEN + 1];
    int64_t row_ns;
    enum err err = ERR_OK;

    *seq = 0;
    if (!current)
        return false;
    memcpy(run_id, entry->run_id, sizeof run_id);
    if (run_is_open(entry->run))
        err = terminate(shard, req, entry);
    if (err == ERR_OK)
        err = forget(shard, req, entry, current, &row_ns, seq);
    if (err == ERR_OK && shard->retention.count < ASKED_MAX && !deletion_find(shard, run_id)) {
        struct hs_deletion *deletion = deletion_new(shard, run_id, req->tablet, row_ns);

        deletion->forgotten = true;
        deletion->seq = *seq;
    } else if (err == ERR_OK && row_ns < shard->retention.look_ns) {
        shard->retention.look_ns = row_ns;
    }
    *result = err;
    return true;
}

void hs_step_delete(struct history_shard *shard, struct hs_request *req, struct hs_entry *entry)
{
    enum err err;
    int64_t seq;

    if (hs_delete_run(shard, req, entry, &err, &seq))
        hs_answer(shard, req, err, SLICE_EMPTY, seq); /* the answer has no fields */
}
