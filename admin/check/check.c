/* check.c - see check.h. */
#include "admin/check/check.h"
#include "admin/check/index.h"
#include "admin/check/shown.h"
#include "common/base/hash.h"
#include "history/batch/job.h"
#include "history/engine/activity.h"
#include "history/engine/child.h"
#include "history/engine/rebuild.h"
#include "history/engine/rows.h"
#include "history/engine/run_codec.h"
#include "history/shard/effect_row.h"
#include "history/visibility/execution.h"
#include "common/proto/wire.h"

#include <stdio.h>
#include <stdlib.h>

/* What the rows refer to: a run by tablet and id, as in the keys. */
struct run_ref {
    uint8_t tablet;
    uint8_t id[16];
};

struct shard_check {
    struct check_report *report;
    uint32_t shard_id;
    struct store_snapshot *snapshot;
    struct run_ref *runs; /* sorted as the keys are */
    size_t run_count, run_cap;
    struct run_ref *leaving; /* with a retention row, or what it shared is looked at; sorted */
    size_t leaving_count, leaving_cap;
    struct run_ref *sharing; /* whose nodes another run needs; sorted likewise */
    size_t sharing_count, sharing_cap;
    uint64_t tasks_found, tasks_wanted; /* rows there, rows that runs name */
    uint64_t deadlines_found, deadlines_wanted;
    uint64_t visible_found, visible_wanted;
    struct index_check index;
    uint64_t externals_found, externals_wanted; /* requests that open runs wait for */
    struct kept_row *outgoing;                  /* newest first */
    struct arena arena;
    enum err err;
};

/* A row to be looked at when the scan is over. */
struct kept_row {
    struct kept_row *next;
    struct slice key, value;
};

void check_report_init(struct check_report *report)
{
    *report = (struct check_report){0};
    buf_init(&report->text, 0);
}

void check_report_release(struct check_report *report)
{
    buf_release(&report->text);
}

static void problem(struct shard_check *sc, const char *run_id, const char *what, const char *more)
{
    struct buf *text = &sc->report->text;
    const size_t from = text->len;

    if (sc->report->problems++ >= CHECK_LINES_MAX)
        return;
    buf_printf(text, "shard %u run %s: %s %s", sc->shard_id, run_id, what, more);
    for (size_t i = from; i < text->len; i++) /* fields may hold any bytes */
        if (text->ptr[i] < ' ' || text->ptr[i] > '~')
            text->ptr[i] = '?';
    buf_printf(text, "\n");
}

/* ---- one run ---- */

static bool has_row(struct shard_check *sc, enum store_family family, const struct row_key *key,
                    struct arena *arena, struct slice *value)
{
    bool found = false;
    const enum err err = store_get(sc->snapshot, family, row_key_slice(key), arena, value, &found);

    if (err != ERR_OK)
        sc->err = err;
    return err == ERR_OK && found;
}

struct node_scan {
    struct buf *history;
    uint64_t events;
    int64_t end; /* of the branch: its last node may hold more, that is not this run's */
};

static bool add_node(void *arg, struct slice key, struct slice value)
{
    struct node_scan *scan = arg;
    struct wire_reader reader = wire_reader(value);
    struct wire_field field;

    int64_t id = (int64_t)be64_get(key.ptr + key.len - sizeof(uint64_t));
    for (; id < scan->end && wire_next(&reader, &field); id++) {
        scan->events++;
        buf_append_slice(scan->history, field.raw);
    }
    return true;
}

enum err check_rebuild(struct store_snapshot *snapshot, const struct run *run, struct arena *arena,
                       struct check_rebuilt *out)
{
    struct row_key from, to;
    struct buf history;
    struct node_scan scan = {.history = &history};
    struct branches branches;
    enum err err = ERR_OK;

    *out = (struct check_rebuilt){.why = ""};
    buf_init(&history, 0);
    const bool ok = branches_decode(run->branches, &branches);
    must(ok); /* it was loaded */
    for (int64_t at = 1, end; err == ERR_OK && at != INT64_MAX; at = end) {
        const char *owner = branches_owner(&branches, run->run_id, at, &end);

        scan.end = end;
        row_key_node(&from, run->tablet, owner, at);
        row_key_node(&to, run->tablet, owner, end);
        err = store_scan(snapshot, STORE_MAIN, row_key_slice(&from), row_key_slice(&to), false,
                         add_node, &scan);
    }
    out->events = scan.events;
    if (err == ERR_OK && !buf_ok(&history))
        err = ERR_NO_MEMORY;
    if (err == ERR_OK && run_rebuild(arena, buf_slice(&history), bytes_slice(run->buffered),
                                     &out->run, &out->why) != ERR_OK)
        out->run = NULL;
    buf_release(&history);
    return err;
}

static void check_history(struct shard_check *sc, const struct run *run, struct arena *arena)
{
    struct check_rebuilt rebuilt;
    struct buf diff;

    const enum err err = check_rebuild(sc->snapshot, run, arena, &rebuilt);
    sc->report->events += rebuilt.events;
    if (err != ERR_OK) {
        sc->err = err;
        return;
    }
    if (!rebuilt.run) {
        problem(sc, run->run_id, "illegal history:", rebuilt.why);
        return;
    }
    buf_init(&diff, 0);
    if (!run_compare(run, rebuilt.run, RUN_FIELDS_DERIVED, &diff)) {
        buf_append(&diff, "", 1);
        problem(sc, run->run_id, "state and events differ:", (const char *)diff.ptr);
    }
    run_free(rebuilt.run);
    buf_release(&diff);
}

static void want_task(struct shard_check *sc, const struct run *run, enum rpc_task_kind kind,
                      struct slice queue, bool sticky, uint64_t row_seq, struct arena *arena)
{
    struct row_key key;
    struct slice value;

    if (row_seq == 0)
        return;
    sc->tasks_wanted++;
    for (int32_t priority = 1; priority <= 5; priority++) {
        row_key_task(&key, run->tablet, run->namespace_id, queue, kind, sticky, priority, row_seq);
        if (has_row(sc, STORE_MAIN, &key, arena, &value))
            return;
    }
    problem(sc, run->run_id, "a task has no row:", kind == TASK_WORKFLOW ? "workflow" : "activity");
}

static void check_tasks(struct shard_check *sc, const struct run *run, struct arena *arena)
{
    const struct workflow_task *wft = &run->wft;

    if (wft->state == WFT_SCHEDULED || run_task_is_undelivered(run))
        want_task(sc, run, TASK_WORKFLOW,
                  wft->row_sticky ? bytes_slice(run->sticky_queue) : run->task_queue,
                  wft->row_sticky, wft->row_seq, arena);
    for (struct map_node *node = map_next(&run->activities, NULL); node;
         node = map_next(&run->activities, node)) {
        const struct activity *activity = CONTAINER_OF(node, struct activity, node);

        want_task(sc, run, TASK_ACTIVITY, bytes_slice(activity->task_queue), false,
                  activity->row_seq, arena);
    }
}

/* A child that waits to be started has the row that asks for it; of the others an open run knows
 * that they were started. What an open run asks of others is counted, see check_outgoing(). */
static void check_children(struct shard_check *sc, const struct run *run, struct arena *arena)
{
    struct row_key key;
    struct slice value;

    for (struct map_node *node = map_next(&run->children, NULL); node;
         node = map_next(&run->children, node)) {
        const struct child *child = CONTAINER_OF(node, struct child, node);

        if (child->row_seq == 0) {
            if (run_is_open(run) && !child->started)
                problem(sc, run->run_id, "a child is neither started nor asked for", "");
            continue;
        }
        row_key_outgoing(
            &key, run->tablet,
            hash_tablet(bytes_slice(child->namespace_id), bytes_slice(child->workflow_id)),
            child->row_seq);
        if (!has_row(sc, STORE_MAIN, &key, arena, &value))
            problem(sc, run->run_id, "the start of a child has no row", "");
    }
    if (run_is_open(run))
        sc->externals_wanted += run->externals.count;
}

/* The nodes that it shares are kept for it. */
static void check_branches(struct shard_check *sc, const struct run *run, struct arena *arena)
{
    struct branches branches;
    struct row_key key;
    struct slice value;

    if (!branches_decode(run->branches, &branches))
        return;
    for (uint32_t i = 0; i < branches.count; i++) {
        row_key_branch(&key, run->tablet, branches.list[i].run_id, run->run_id);
        if (!has_row(sc, STORE_MAIN, &key, arena, &value) ||
            row_branch_to(value) < branches.list[i].to)
            problem(sc, run->run_id, "no row keeps the nodes that it shares with",
                    branches.list[i].run_id);
    }
}

/* What lists show and filters go by is what the run says. */
static void check_visible(struct shard_check *sc, const struct run *run, struct arena *arena,
                          struct slice row)
{
    struct vis_execution shown;
    struct slice info;
    const char *what;

    if (row_visibility_decode(arena, row, &info) != ERR_OK || !vis_execution_read(info, &shown))
        problem(sc, run->run_id, "its visibility row can't be read", "");
    else if (!shown_is_run(run, info, arena, &what))
        problem(sc, run->run_id, "its visibility row shows another", what);
}

/* The present run of its workflow id: what a start goes by. */
static void check_current_run(struct shard_check *sc, const struct run *run,
                              const struct current_run *current)
{
    if (run_is_open(run) && strcmp(current->run_id, run->run_id) != 0)
        problem(sc, run->run_id, "it is open, and the current run is", current->run_id);
    if (strcmp(current->run_id, run->run_id) != 0)
        return;
    if (current->status != run->status)
        problem(sc, run->run_id, "its workflow id has another status", "");
    if (strcmp(current->start_request_id, run->start_request_id) != 0)
        problem(sc, run->run_id, "its workflow id has another request", current->start_request_id);
}

static void check_rows(struct shard_check *sc, const struct run *run, struct arena *arena)
{
    struct row_key key;
    struct slice value;
    struct current_run current;

    check_branches(sc, run, arena);

    check_tasks(sc, run, arena);
    check_children(sc, run, arena);
    if (run->deadline_row_ns) {
        sc->deadlines_wanted++;
        row_key_deadline(&key, run->tablet, run->deadline_row_ns, run->run_id);
        if (!has_row(sc, STORE_MAIN, &key, arena, &value))
            problem(sc, run->run_id, "its deadline has no row", "");
    }
    if (!run_is_open(run)) {
        row_key_node(&key, run->tablet, run->run_id, run->completion_event_batch_id);
        if (!has_row(sc, STORE_MAIN, &key, arena, &value))
            problem(sc, run->run_id, "no node begins where the batch of its end does", "");
        row_key_retention(&key, run->tablet, run_retention_due_ns(run), run->run_id);
        if (!has_row(sc, STORE_MAIN, &key, arena, &value))
            problem(sc, run->run_id, "it is closed, and has no retention row", "");
    }
    sc->visible_wanted++;
    row_key_visibility(&key, run->tablet, run->namespace_id, run->visibility_order_ns[0],
                       run->visibility_order_ns[1], run->run_id);
    if (!has_row(sc, STORE_VISIBILITY, &key, arena, &value))
        problem(sc, run->run_id, "it has no visibility row", "");
    else
        check_visible(sc, run, arena, value);

    row_key_current(&key, run->tablet, run->kind, run->namespace_id, run->workflow_id);
    const bool known = has_row(sc, STORE_MAIN, &key, arena, &value);
    if (!known && !run_is_open(run)) /* its successor may have been deleted */
        return;
    if (!known || row_current_decode(arena, value, &current) != ERR_OK)
        problem(sc, run->run_id, "its workflow id has no current run", "");
    else
        check_current_run(sc, run, &current);
}

static void check_namespace(struct shard_check *sc, const char *what, struct slice id)
{
    const struct check_report *report = sc->report;

    if (report->namespace_exists && !report->namespace_exists(report->arg, id))
        problem(sc, what, "its namespace is gone", "");
}

static void check_run(struct shard_check *sc, const struct run_ref *ref)
{
    char run_id[UUID_TEXT_LEN + 1];
    struct run *run = NULL;
    struct arena arena;

    uuid_format(ref->id, run_id);
    arena_init(&arena);
    const enum err err = run_load(sc->snapshot, ref->tablet, SLICE_EMPTY, run_id, &run);
    if (err != ERR_OK) {
        problem(sc, run_id, "it does not load:", err_text(err));
    } else {
        sc->report->runs++;
        sc->report->open_runs += run_is_open(run);
        check_history(sc, run, &arena);
        check_rows(sc, run, &arena);
        check_namespace(sc, run->run_id, run->namespace_id);
        run_free(run);
    }
    arena_release(&arena);
}

/* ---- rows without a run ---- */

static int by_ref(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct run_ref));
}

static bool is_among(const struct run_ref *refs, size_t count, uint8_t tablet, const uint8_t *id)
{
    struct run_ref ref = {.tablet = tablet};

    memcpy(ref.id, id, sizeof ref.id);
    return count && bsearch(&ref, refs, count, sizeof ref, by_ref);
}

static void want_run(struct shard_check *sc, uint8_t tablet, const uint8_t *id, const char *what)
{
    char run_id[UUID_TEXT_LEN + 1];

    if (is_among(sc->runs, sc->run_count, tablet, id))
        return;
    uuid_format(id, run_id);
    problem(sc, run_id, "there is no such run, but", what);
}

/* The same, of a row that a deletion that was cut short leaves behind for a while. */
static void want_run_or_rest(struct shard_check *sc, uint8_t tablet, const uint8_t *id,
                             const char *what)
{
    if (!is_among(sc->leaving, sc->leaving_count, tablet, id))
        want_run(sc, tablet, id, what);
}

/* A row of a batch job: whole, and with the other one beside it. */
static void check_batch(struct shard_check *sc, struct slice key, struct slice value)
{
    uint8_t other[BATCH_KEY_MAX];
    char namespace_id[UUID_TEXT_LEN + 1];
    struct slice ignored;
    struct arena arena;
    bool found = false;

    if (!batch_row_is_whole(key, value)) {
        problem(sc, "-", "the row of a batch job can't be read, or is in the wrong place", "");
        return;
    }
    uuid_format(key.ptr + 3, namespace_id);
    check_namespace(sc, "a batch job", slice_str(namespace_id));
    memcpy(other, key.ptr, key.len);
    other[2] = other[2] == BATCH_ROW_STATE ? BATCH_ROW_REQUEST : BATCH_ROW_STATE;
    arena_init(&arena);
    if (store_get(sc->snapshot, STORE_MAIN, slice_of(other, key.len), &arena, &ignored, &found) !=
            ERR_OK ||
        !found)
        problem(sc, "-", "a batch job has one row instead of two", "");
    arena_release(&arena);
}

static void check_outcome(struct shard_check *sc, struct slice key, struct slice value)
{
    struct effect_row row;
    struct row_key own;
    struct arena arena;
    uint8_t uuid[16];

    arena_init(&arena);
    const bool whole = effect_row_decode(&arena, value, &row) == ERR_OK &&
                       uuid_parse(row.effect.source_run_id, uuid) &&
                       uuid_parse(row.effect.target_namespace_id, uuid);
    if (!whole) {
        problem(sc, "-", "the kept outcome of an effect can't be read", "");
    } else {
        row_key_effect(&own,
                       hash_tablet(row.effect.target_namespace_id, row.effect.target_workflow_id),
                       &row.effect);
        if (!slice_eq(row_key_slice(&own), key))
            problem(sc, "-", "the kept outcome of an effect is in the wrong place", "");
    }
    arena_release(&arena);
}

static void keep_outgoing(struct shard_check *sc, struct slice key, struct slice value)
{
    struct kept_row *row = ARENA_NEW(&sc->arena, struct kept_row);

    row->key = arena_copy(&sc->arena, key);
    row->value = arena_copy(&sc->arena, value);
    row->next = sc->outgoing;
    sc->outgoing = row;
}

/* Does the run wait for this request, or need not? */
static bool is_wanted(struct shard_check *sc, const struct run *run,
                      const struct rpc_effect *effect)
{
    const struct child *child = run_child(run, effect->initiated_event_id);
    const struct external *external = run_external(run, effect->initiated_event_id);

    if (!run_is_open(run) || effect->kind == EFFECT_CHILD_CLOSED ||
        effect->kind == EFFECT_PARENT_CLOSED)
        return true; /* it ends with its answer */
    if (effect->kind == EFFECT_START_CHILD)
        return child && child->row_seq == effect->row_seq;
    sc->externals_found++;
    return external && external->row_seq == effect->row_seq;
}

static void check_outgoing(struct shard_check *sc, const struct kept_row *row)
{
    struct rpc_effect effect;
    struct arena arena;
    struct row_key own;
    struct run *run = NULL;
    uint8_t uuid[16];

    arena_init(&arena);
    if (rpc_effect_decode(&arena, row->value, &effect) != ERR_OK ||
        !uuid_parse(effect.source_run_id, uuid)) {
        problem(sc, "-", "a request to another execution can't be read", "");
        arena_release(&arena);
        return;
    }
    const char *run_id = arena_str(&arena, effect.source_run_id);
    row_key_outgoing(&own, hash_tablet(effect.source_namespace_id, effect.source_workflow_id),
                     hash_tablet(effect.target_namespace_id, effect.target_workflow_id),
                     effect.row_seq);
    if (!slice_eq(row_key_slice(&own), row->key))
        problem(sc, run_id, "a request to another execution is in the wrong place", "");
    const enum err err = run_load(sc->snapshot, row->key.ptr[0], SLICE_EMPTY, run_id, &run);
    if (err == ERR_OK && !is_wanted(sc, run, &effect))
        problem(sc, run_id, "nothing waits for a request to another execution", "");
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        problem(sc, run_id, "it does not load:", err_text(err));
    if (run)
        run_free(run);
    arena_release(&arena);
}

static void want_named_run(struct shard_check *sc, uint8_t tablet, struct slice run_id,
                           const char *what)
{
    uint8_t uuid[16];

    if (uuid_parse(run_id, uuid))
        want_run(sc, tablet, uuid, what);
    else
        problem(sc, "-", "a row names no run:", what);
}

static void check_task(struct shard_check *sc, uint8_t tablet, struct slice value)
{
    struct rpc_task task;
    struct arena arena;

    arena_init(&arena);
    if (row_task_decode(&arena, value, &task) != ERR_OK)
        problem(sc, "-", "a task row can't be read", "");
    else
        want_named_run(sc, tablet, task.run_id, "a task row");
    arena_release(&arena);
}

static void check_current(struct shard_check *sc, uint8_t tablet, struct slice value)
{
    struct current_run current;
    struct arena arena;

    arena_init(&arena);
    if (row_current_decode(&arena, value, &current) != ERR_OK)
        problem(sc, "-", "a current run's row can't be read", "");
    else
        want_named_run(sc, tablet, slice_str(current.run_id), "a workflow id's current run");
    arena_release(&arena);
}

static void check_call(struct shard_check *sc, uint8_t tablet, struct slice value)
{
    struct call_row row;
    struct arena arena;

    arena_init(&arena);
    if (row_call_decode(&arena, value, &row) != ERR_OK)
        problem(sc, "-", "a callback's row can't be read", "");
    else
        want_named_run(sc, tablet, slice_str(row.run_id), "a callback to be delivered");
    arena_release(&arena);
}

static bool visit_main(void *arg, struct slice key, struct slice value)
{
    struct shard_check *sc = arg;

    if (key.len < 2) {
        problem(sc, "", "a key is too short", "");
        return true;
    }
    const uint8_t tablet = key.ptr[0];
    switch (key.ptr[1]) {
    case 'P':
        if (key.len >= 18)
            want_run_or_rest(sc, tablet, key.ptr + 2, "a pending item");
        break;
    case 'N':
        if (key.len >= 18 && !is_among(sc->sharing, sc->sharing_count, tablet, key.ptr + 2))
            want_run_or_rest(sc, tablet, key.ptr + 2, "a history node");
        break;
    case 'B':
        if (key.len == 34)
            want_run_or_rest(sc, tablet, key.ptr + 18, "nodes of another are kept for it");
        else
            problem(sc, "-", "the row of a branch can't be read", "");
        break;
    case 'D':
        sc->deadlines_found++;
        if (key.len == 26)
            want_run(sc, tablet, key.ptr + 10, "a deadline row");
        break;
    case 'T':
        sc->tasks_found++;
        check_task(sc, tablet, value);
        break;
    case 'C':
        check_current(sc, tablet, value);
        break;
    case 'H':
        check_call(sc, tablet, value);
        break;
    case 'R':
        if (key.len == 26 && !is_among(sc->runs, sc->run_count, tablet, key.ptr + 10))
            sc->report->leaving++;
        break;
    case 'O':
        keep_outgoing(sc, key, value);
        break;
    case 'E':
        check_outcome(sc, key, value);
        break;
    case 'J':
        check_batch(sc, key, value);
        break;
    case 'L':
        if (key.len != 6 || value.len != 8)
            problem(sc, "-", "the lease of another shard can't be read", "");
        break;
    default:
        break;
    }
    return true;
}

static void index_problem(void *arg, const char *run_id, const char *what, const char *more)
{
    problem(arg, run_id, what, more);
}

static bool visit_visible(void *arg, struct slice key, struct slice value)
{
    struct shard_check *sc = arg;
    struct arena arena;
    struct slice info;

    if (key.len != 49) {
        index_check_key(&sc->index, key, value);
        return true;
    }
    sc->visible_found++;
    want_run(sc, key.ptr[0], key.ptr + 33, "a visibility row");
    arena_init(&arena);
    if (row_visibility_decode(&arena, value, &info) == ERR_OK)
        sc->err = index_check_row(&sc->index, sc->snapshot, key, info, &arena);
    arena_release(&arena);
    return sc->err == ERR_OK;
}

static void collect(struct run_ref **refs, size_t *count, size_t *cap, uint8_t tablet,
                    const uint8_t *id)
{
    if (*count == *cap) {
        *cap = *cap ? *cap * 2 : 1024;
        *refs = realloc(*refs, *cap * sizeof **refs);
        must(*refs != NULL);
    }
    struct run_ref *ref = &(*refs)[(*count)++];
    ref->tablet = tablet;
    memcpy(ref->id, id, sizeof ref->id);
}

static bool collect_run(void *arg, struct slice key, struct slice value)
{
    struct shard_check *sc = arg;

    UNUSED(value);
    if (key.len == 18 && key.ptr[1] == 'X')
        collect(&sc->runs, &sc->run_count, &sc->run_cap, key.ptr[0], key.ptr + 2);
    if (key.len == 34 && key.ptr[1] == 'B')
        collect(&sc->sharing, &sc->sharing_count, &sc->sharing_cap, key.ptr[0], key.ptr + 2);
    if ((key.len == 26 || key.len == 27) && key.ptr[1] == 'R')
        collect(&sc->leaving, &sc->leaving_count, &sc->leaving_cap, key.ptr[0], key.ptr + 10);
    return true;
}

static void compare_counts(struct shard_check *sc, const char *what, uint64_t found,
                           uint64_t wanted)
{
    char text[96];

    if (found == wanted)
        return;
    snprintf(text, sizeof text, "%s: %llu rows, %llu that runs name", what,
             (unsigned long long)found, (unsigned long long)wanted);
    problem(sc, "-", text, "");
}

static enum err check_snapshot(struct store_snapshot *snapshot, void *arg)
{
    struct shard_check *sc = arg;

    sc->snapshot = snapshot;
    enum err err =
        store_scan(snapshot, STORE_MAIN, SLICE_EMPTY, SLICE_EMPTY, false, collect_run, sc);
    if (err != ERR_OK)
        return err;
    if (sc->leaving_count)
        qsort(sc->leaving, sc->leaving_count, sizeof *sc->leaving, by_ref);
    if (sc->sharing_count)
        qsort(sc->sharing, sc->sharing_count, sizeof *sc->sharing, by_ref);
    for (size_t i = 0; i < sc->run_count && sc->err == ERR_OK; i++)
        check_run(sc, &sc->runs[i]);
    if (sc->err == ERR_OK)
        sc->err = store_scan(snapshot, STORE_MAIN, SLICE_EMPTY, SLICE_EMPTY, false, visit_main, sc);
    if (sc->err == ERR_OK)
        sc->err = store_scan(snapshot, STORE_VISIBILITY, SLICE_EMPTY, SLICE_EMPTY, false,
                             visit_visible, sc);
    for (const struct kept_row *row = sc->outgoing; row && sc->err == ERR_OK; row = row->next)
        check_outgoing(sc, row);
    if (sc->err == ERR_OK)
        index_check_end(&sc->index);
    compare_counts(sc, "requests to others", sc->externals_found, sc->externals_wanted);
    compare_counts(sc, "tasks", sc->tasks_found, sc->tasks_wanted);
    compare_counts(sc, "deadlines", sc->deadlines_found, sc->deadlines_wanted);
    compare_counts(sc, "visibility", sc->visible_found, sc->visible_wanted);
    return sc->err;
}

enum err check_history_snapshot(struct store_snapshot *snapshot, uint32_t shard_id,
                                struct check_report *report)
{
    struct shard_check sc = {.report = report, .shard_id = shard_id};

    arena_init(&sc.arena);
    sc.index = (struct index_check){.problem = index_problem, .arg = &sc};
    const enum err err = check_snapshot(snapshot, &sc);
    arena_release(&sc.arena);
    index_check_release(&sc.index);
    free(sc.runs);
    free(sc.leaving);
    free(sc.sharing);
    return err;
}

struct whole_shard {
    uint32_t shard_id;
    struct check_report *report;
};

static enum err check_read(struct store_snapshot *snapshot, void *arg)
{
    const struct whole_shard *whole = arg;

    return check_history_snapshot(snapshot, whole->shard_id, whole->report);
}

enum err check_history_shard(struct store_shard *shard, uint32_t shard_id,
                             struct check_report *report)
{
    struct whole_shard whole = {shard_id, report};

    return store_read_now(shard, check_read, &whole);
}

enum err check_history_run(struct store_snapshot *snapshot, uint32_t shard_id, uint8_t tablet,
                           const char *run_id, struct check_report *report)
{
    struct shard_check sc = {.report = report, .shard_id = shard_id, .snapshot = snapshot};
    struct run_ref ref = {.tablet = tablet};

    if (!uuid_parse(slice_str(run_id), ref.id))
        return ERR_INVALID;
    arena_init(&sc.arena);
    check_run(&sc, &ref);
    arena_release(&sc.arena);
    return sc.err;
}
