/* rebuild.c - the command rebuild: a run's state made anew from its history, compared with the
 * stored one and, with --repair, put in its place.
 *
 * Repaired are the fields that follow from the events, the rows that a run is found by (visibility,
 * its index, current run), its retention and its deadline. What is pending (activities, timers ...)
 * has state that no event tells: where that differs, nothing is written. */
#include "admin/check/check.h"
#include "admin/tool/tool.h"
#include "history/engine/rows.h"
#include "history/engine/run_codec.h"
#include "history/shard/vis_index.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROW_KEY_LEN = 49 /* of a visibility row; keys of the index are longer or shorter */ };

struct rebuild {
    struct arena arena;
    struct run *run, *rebuilt;
    struct buf differences;
    bool has_current, has_retention;
    struct stale { /* rows of the visibility family that go; their keys in the arena */
        struct stale *next;
        struct slice key;
    } * visible;
};

/* -- reading -------------------------------------------------------------------------------- */

static enum err has_row(struct store_snapshot *snapshot, const struct row_key *key,
                        struct rebuild *rebuild, bool *found)
{
    struct slice value;

    return store_get(snapshot, STORE_MAIN, row_key_slice(key), &rebuild->arena, &value, found);
}

static void note_stale(struct rebuild *rebuild, struct slice key)
{
    struct stale *row = ARENA_NEW(&rebuild->arena, struct stale);

    row->key = arena_copy(&rebuild->arena, key);
    row->next = rebuild->visible;
    rebuild->visible = row;
}

static bool collect_visible(void *arg, struct slice key, struct slice value)
{
    struct rebuild *rebuild = arg;
    uint8_t id[16];

    UNUSED(value);
    const bool parsed = uuid_parse(slice_str(rebuild->run->run_id), id);
    if (parsed && key.len == ROW_KEY_LEN && memcmp(key.ptr + 33, id, sizeof id) == 0)
        note_stale(rebuild, key);
    return true;
}

/* What the index says of the run, and all that it counts: without its format row, the shard makes
 * it anew (history/shard/vis_index.h). */
static bool collect_index(void *arg, struct slice key, struct slice value)
{
    struct rebuild *rebuild = arg;
    uint8_t id[16];

    UNUSED(value);
    const bool parsed = uuid_parse(slice_str(rebuild->run->run_id), id);
    const bool counts = key.len == HS_FORMAT_KEY_LEN || key.len == HS_COUNTERS_KEY_LEN;
    if (counts || (parsed && key.len > ROW_KEY_LEN &&
                   memcmp(key.ptr + key.len - sizeof id, id, sizeof id) == 0))
        note_stale(rebuild, key);
    return true;
}

/* Every visibility row of the run, wherever it stands. */
static enum err find_visible(struct store_snapshot *snapshot, struct rebuild *rebuild,
                             uint8_t first_tablet)
{
    const uint8_t tablet = rebuild->run->tablet, from[1] = {tablet},
                  to[1] = {(uint8_t)(tablet + 1)}, first[1] = {first_tablet},
                  second[1] = {(uint8_t)(first_tablet + 1)};

    const enum err err = store_scan(snapshot, STORE_VISIBILITY, slice_of(from, 1),
                                    tablet == UINT8_MAX ? SLICE_EMPTY : slice_of(to, 1), false,
                                    collect_visible, rebuild);
    if (err != ERR_OK)
        return err;
    return store_scan(snapshot, STORE_VISIBILITY, slice_of(first, 1),
                      first_tablet == UINT8_MAX ? SLICE_EMPTY : slice_of(second, 1), false,
                      collect_index, rebuild);
}

static enum err read_both(struct store_snapshot *snapshot, struct tool_run *named)
{
    struct rebuild *rebuild = named->arg;
    struct check_rebuilt rebuilt;
    struct row_key key;

    enum err err = run_load(snapshot, named->tablet, slice_str(named->namespace_id), named->run_id,
                            &rebuild->run);
    if (err != ERR_OK)
        return err;
    err = check_rebuild(snapshot, rebuild->run, &rebuild->arena, &rebuilt);
    if (err != ERR_OK)
        return err;
    rebuild->rebuilt = rebuilt.run;
    if (!rebuilt.run)
        buf_printf(&rebuild->differences, "illegal history: %s\n", rebuilt.why);
    else
        (void)run_compare(rebuild->run, rebuilt.run, RUN_FIELDS_DERIVED, &rebuild->differences);
    row_key_current(&key, named->tablet, rebuild->run->kind, rebuild->run->namespace_id,
                    rebuild->run->workflow_id);
    err = has_row(snapshot, &key, rebuild, &rebuild->has_current);
    if (err == ERR_OK && !run_is_open(rebuild->run)) {
        row_key_retention(&key, named->tablet, run_retention_due_ns(rebuild->run), named->run_id);
        err = has_row(snapshot, &key, rebuild, &rebuild->has_retention);
    }
    const uint32_t tablets = 256 / named->tool->shard_count;
    return err == ERR_OK ? find_visible(snapshot, rebuild, (uint8_t)(named->shard * tablets)) : err;
}

/* -- repairing ------------------------------------------------------------------------------ */

enum sort { DERIVED, WFT, DURABLE, OTHER };

static void take_bytes(struct bytes *to, const struct bytes *from)
{
    bytes_set(to, bytes_slice(*from));
}

static void take_text(char *to, const char *from, size_t size)
{
    memcpy(to, from, size);
}

#define TAKE_NONE(member) (void)0
#define TAKE_I64(member) to->member = from->member
#define TAKE_I32 TAKE_I64
#define TAKE_U64 TAKE_I64
#define TAKE_U32 TAKE_I64
#define TAKE_BOOL TAKE_I64
#define TAKE_STATE TAKE_I64
#define TAKE_KIND TAKE_I64
#define TAKE_SLICE(member) to->member = arena_copy(&to->arena, from->member)
#define TAKE_STR(member) to->member = arena_str(&to->arena, slice_str(from->member))
#define TAKE_BYTES(member) take_bytes(&to->member, &from->member)
#define TAKE_TEXT(member) take_text(to->member, from->member, sizeof to->member)
#define TAKE_POINTS TAKE_BYTES
#define TAKE_RING(member) memcpy(to->member, from->member, sizeof to->member)

static void take_derived(struct run *to, const struct run *from)
{
    const bool first_attempt = to->wft.attempt == 1 && from->wft.attempt == 1;

#define RUN_FIELD(sort, form, key, member)                                                         \
    if (sort == DERIVED || (sort == WFT && first_attempt))                                         \
        TAKE_##form(member);
#include "history/engine/run_fields.def"
#undef RUN_FIELD
}

/* The step's rows, those of the run's other visibility rows, its retention. */
static enum err write_rows(struct rebuild *rebuild, struct tool_shard *shard)
{
    struct run *run = rebuild->run;
    struct transition t;
    struct store_op *ops, *all;
    struct row_key key, deadline;
    size_t count, extra = 2;
    int64_t seq;

    transition_init(&t, run, &rebuild->arena);
    t.now_ns = clock_wall_ns(&clock_real);
    t.uncounted = true;
    t.visibility_changed = true;
    run->visibility_order_ns[0] = run->visibility_order_ns[1] = 0;
    run->dirty = true;
    const int64_t deadline_ns = run->deadline_row_ns;
    run->deadline_row_ns = 0; /* written anew, too */
    rows_of_transition(&t, run_is_open(run) && !rebuild->has_current, &ops, &count);
    for (const struct stale *row = rebuild->visible; row; row = row->next)
        extra++;
    all = ARENA_ARRAY(&rebuild->arena, struct store_op, count + extra);
    size_t n = 0;
    for (const struct stale *row = rebuild->visible; row; row = row->next)
        all[n++] =
            (struct store_op){.kind = STORE_DELETE, .family = STORE_VISIBILITY, .key = row->key};
    if (deadline_ns != 0) {
        row_key_deadline(&deadline, run->tablet, deadline_ns, run->run_id);
        all[n++] = (struct store_op){
            .kind = STORE_DELETE, .family = STORE_MAIN, .key = row_key_slice(&deadline)};
    }
    memcpy(all + n, ops, count * sizeof *ops);
    n += count;
    if (!run_is_open(run) && !rebuild->has_retention) {
        row_key_retention(&key, run->tablet, run_retention_due_ns(run), run->run_id);
        all[n++] = (struct store_op){.kind = STORE_PUT,
                                     .family = STORE_MAIN,
                                     .key = row_key_slice(&key),
                                     .value = row_retention(run, &rebuild->arena)};
    }
    enum err err = store_stage(shard->shard, all, n, true, &seq);
    if (err == ERR_OK)
        err = store_shard_flush(shard->shard);
    transition_release(&t);
    return err;
}

static int repair(struct tool *tool, const struct tool_run *named, struct rebuild *rebuild)
{
    struct err_detail detail = {0};
    struct tool_shard shard;
    struct buf rest;

    if (!rebuild->rebuilt)
        return tool_refuse("its history is not legal: nothing can be made of it");
    take_derived(rebuild->run, rebuild->rebuilt);
    buf_init(&rest, 0);
    const bool same = run_compare(rebuild->run, rebuild->rebuilt, RUN_FIELDS_DERIVED, &rest);
    buf_release(&rest);
    if (!same)
        return tool_refuse("what is pending differs from its history: nothing was written");
    enum err err = tool_shard_open(tool, named->shard, &shard, &detail);
    if (err == ERR_OK) {
        err = write_rows(rebuild, &shard);
        tool_shard_close(&shard, err == ERR_OK);
    }
    if (err != ERR_OK)
        return tool_refuse("%s", detail.text[0] ? detail.text : err_text(err));
    printf("repaired; verifying it\n");
    return -1;
}

static void show(const struct buf *differences)
{
    for (size_t i = 0; i < differences->len; i++) {
        const uint8_t c = differences->ptr[i];

        putchar(c == '\n' || (c >= ' ' && c <= '~') ? c : '?');
    }
}

int tool_rebuild(struct tool *tool, const struct tool_args *args)
{
    struct rebuild rebuild = {.run = NULL};
    struct tool_run named = {.tool = tool, .args = args, .visit = read_both, .arg = &rebuild};

    if (args->repair && tool->link)
        return tool_refuse("the cluster runs: stop it before a repair");
    arena_init(&rebuild.arena);
    buf_init(&rebuild.differences, 0);
    int code = tool_with_run(&named);
    if (code < 0) {
        show(&rebuild.differences);
        printf("%s\n", rebuild.differences.len ? "state and history differ"
                                               : "the state is what the history says");
        if (args->repair)
            code = repair(tool, &named, &rebuild);
        else
            code = rebuild.differences.len ? TOOL_PROBLEMS : TOOL_OK;
    }
    if (rebuild.run)
        run_free(rebuild.run);
    if (rebuild.rebuilt)
        run_free(rebuild.rebuilt);
    buf_release(&rebuild.differences);
    arena_release(&rebuild.arena);
    return code < 0 ? tool_workflow_verify(tool, args) : code;
}
