/* store_suite.h - what every back end must do: included by the test program of each.
 *
 * A scenario gets a bed: a store in manual mode on a fake clock, one shard, and what its callbacks
 * said. Hooks do to the disk what a scenario needs and the store cannot. */
#ifndef GNOMON_STORE_SUITE_H
#define GNOMON_STORE_SUITE_H

#include "common/base/rng.h"
#include "common/store/store.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct suite_hooks {
    const char *backend;
    bool shared; /* several owners may have the disk open: the lease alone tells them apart */
    void (*wipe)(const char *dir);
    bool (*damage)(const char *dir, int64_t seq);
    bool (*lose)(const char *dir, int64_t seq);
};

enum { BED_SHARD = 7 };

struct bed {
    const struct suite_hooks *hooks;
    char dir[256];
    struct fake_clock clock;
    struct log log;
    struct metrics *metrics;
    struct store *store;
    struct store_shard *shard;
    int64_t durable, calls;
    enum err lost;
};

static void bed_durable(void *arg, int64_t seq)
{
    struct bed *bed = arg;

    check(seq > bed->durable);
    bed->durable = seq;
    bed->calls++;
}

static void bed_lost(void *arg, enum err err)
{
    struct bed *bed = arg;

    check_err(bed->lost, ERR_OK);
    bed->lost = err;
}

static enum err bed_try_open(struct bed *bed, struct err_detail *detail)
{
    const struct store_options options = {.backend = bed->hooks->backend,
                                          .dir = bed->dir,
                                          .service = "test",
                                          .clock = &bed->clock.clock,
                                          .log = &bed->log,
                                          .metrics = bed->metrics,
                                          .commit_threads = 1,
                                          .manual = true};
    const struct store_shard_callbacks callbacks = {bed_durable, bed_lost, bed};

    bed->durable = bed->calls = 0;
    bed->lost = ERR_OK;
    enum err err = store_open(&options, &bed->store, detail);
    if (err != ERR_OK)
        return err;
    err = store_shard_open(bed->store, BED_SHARD, NULL, &callbacks, &bed->shard, detail);
    if (err != ERR_OK) {
        store_close(bed->store);
        bed->store = NULL;
    }
    return err;
}

static void bed_open(struct bed *bed)
{
    struct err_detail detail = {.text = ""};
    const enum err err = bed_try_open(bed, &detail);

    if (err != ERR_OK) {
        test_failed(__FILE__, __LINE__, "open: %s %s", err_name(err), detail.text);
        abort();
    }
}

static void bed_close(struct bed *bed, bool flush)
{
    store_shard_close(bed->shard, flush);
    store_close(bed->store);
    bed->shard = NULL;
    bed->store = NULL;
}

static void bed_init(struct bed *bed, const struct suite_hooks *hooks)
{
    *bed = (struct bed){.hooks = hooks, .log = {.level = LOG_ERROR + 1, .fd = 2}};
    fake_clock_init(&bed->clock, NS_PER_S);
    snprintf(bed->dir, sizeof bed->dir, "/tmp/gnomon-store-test-%s-%d", hooks->backend,
             (int)getpid());
    hooks->wipe(bed->dir);
    bed->metrics = metrics_new();
    bed_open(bed);
}

static void bed_release(struct bed *bed)
{
    if (bed->shard)
        bed_close(bed, false);
    bed->hooks->wipe(bed->dir);
    metrics_free(bed->metrics);
}

static void bed_reopen(struct bed *bed, bool flush)
{
    bed_close(bed, flush);
    bed_open(bed);
}

static void bed_run(struct bed *bed)
{
    for (int i = 0; store_step(bed->store); i++)
        must(i < 1000000);
}

static struct store_op op_of(enum store_op_kind kind, const char *key, const char *value)
{
    return (struct store_op){
        .kind = kind, .family = STORE_MAIN, .key = slice_str(key), .value = slice_str(value)};
}

static int64_t bed_stage(struct bed *bed, enum store_op_kind kind, const char *key,
                         const char *value)
{
    const struct store_op op = op_of(kind, key, value);
    int64_t seq;

    check_ok(store_stage(bed->shard, &op, 1, false, &seq));
    return seq;
}

static void bed_put(struct bed *bed, const char *key, const char *value)
{
    bed_stage(bed, STORE_PUT, key, value);
    bed_run(bed);
}

/* -- reading into text: "k=v k=v" ----------------------------------------------------------- */

struct listing {
    struct slice from, to;
    bool reverse;
    enum store_family family;
    size_t limit;
    struct buf text;
};

static bool list_row(void *arg, struct slice key, struct slice value)
{
    struct listing *l = arg;

    buf_printf(&l->text, "%s" SLICE_FMT "=" SLICE_FMT, l->text.len ? " " : "", SLICE_ARG(key),
               SLICE_ARG(value));
    return --l->limit > 0;
}

static enum err list_rows(struct store_snapshot *snapshot, void *arg)
{
    struct listing *l = arg;

    return store_scan(snapshot, l->family, l->from, l->to, l->reverse, list_row, l);
}

static void check_listing(struct bed *bed, const char *from, const char *to, bool reverse,
                          const char *want)
{
    struct listing l = {
        .from = slice_str(from), .to = slice_str(to), .reverse = reverse, .limit = SIZE_MAX};

    buf_init(&l.text, 0);
    check_ok(store_read_now(bed->shard, list_rows, &l));
    check_slice(buf_slice(&l.text), slice_str(want));
    buf_release(&l.text);
}

struct lookup {
    const char *key;
    struct arena arena;
    struct slice value;
    bool found;
};

static enum err look_up(struct store_snapshot *snapshot, void *arg)
{
    struct lookup *l = arg;

    return store_get(snapshot, STORE_MAIN, slice_str(l->key), &l->arena, &l->value, &l->found);
}

/* `want` NULL: absent. */
static void check_row(struct bed *bed, const char *key, const char *want)
{
    struct lookup l = {.key = key};

    check_ok(store_read_now(bed->shard, look_up, &l));
    if (l.found != (want != NULL))
        test_failed(__FILE__, __LINE__, "row %s %s", key, l.found ? "is there" : "is missing");
    else if (want)
        check_slice(l.value, slice_str(want));
    arena_release(&l.arena);
}

static int64_t counter_of(struct bed *bed, const char *name)
{
    struct buf text;
    int64_t value = -1;

    buf_init(&text, 0);
    metrics_render(bed->metrics, &text);
    buf_append(&text, "", 1);
    for (const char *at = (const char *)text.ptr; (at = strstr(at, name)); at++)
        if (at[strlen(name)] == ' ')
            value = strtoll(at + strlen(name) + 1, NULL, 10);
    buf_release(&text);
    return value;
}

/* -- scenarios ------------------------------------------------------------------------------ */

static void suite_rows_are_seen_once_durable(const struct suite_hooks *hooks)
{
    struct bed bed;

    bed_init(&bed, hooks);
    check_i64(bed_stage(&bed, STORE_PUT, "a", "1"), 1);
    check_i64(bed_stage(&bed, STORE_PUT, "b", "2"), 1); /* joins the open record */
    check_row(&bed, "a", NULL);
    check_i64(store_durable_seq(bed.shard), 0);
    check_i64(store_staged_seq(bed.shard), 1);
    bed_run(&bed);
    check_i64(bed.durable, 1);
    check_i64(bed.calls, 1);
    check_row(&bed, "a", "1");
    check_row(&bed, "b", "2");
    check_i64(bed_stage(&bed, STORE_DELETE, "a", ""), 2);
    check_row(&bed, "a", "1");
    bed_run(&bed);
    check_row(&bed, "a", NULL);
    check_listing(&bed, "", "", false, "b=2");
    bed_release(&bed);
}

static void suite_reopening_finds_everything(const struct suite_hooks *hooks)
{
    struct bed bed;

    bed_init(&bed, hooks);
    bed_put(&bed, "a", "1");
    bed_put(&bed, "b", "");
    bed_reopen(&bed, false); /* replayed from the log */
    check_i64(store_durable_seq(bed.shard), 2);
    check_listing(&bed, "", "", false, "a=1 b=");
    bed_put(&bed, "c", "3");
    bed_reopen(&bed, true); /* from the tables */
    check_listing(&bed, "", "", false, "a=1 b= c=3");
    check_i64(bed_stage(&bed, STORE_PUT, "d", "4"), 4);
    bed_close(&bed, true); /* what is staged is appended first */
    bed_open(&bed);
    check_row(&bed, "d", "4");
    check_i64(bed_stage(&bed, STORE_PUT, "e", "5"), 5);
    bed_close(&bed, false); /* ... or dropped */
    bed_open(&bed);
    check_row(&bed, "e", NULL);
    bed_release(&bed);
}

static void suite_rows_that_come_and_go_are_not_written(const struct suite_hooks *hooks)
{
    struct bed bed;

    bed_init(&bed, hooks);
    for (int i = 0; i < 10; i++) {
        bed_stage(&bed, STORE_INSERT, "task", "x");
        bed_run(&bed);
        bed_stage(&bed, STORE_DELETE, "task", "");
        bed_run(&bed);
    }
    check_ok(store_shard_flush(bed.shard));
    check_i64(counter_of(&bed, "gnomon_store_elided_rows_total"), 1);
    check_i64(counter_of(&bed, "gnomon_store_flushed_rows_total"), 0);
    bed_stage(&bed, STORE_INSERT, "task", "y");
    check_ok(store_shard_flush(bed.shard));
    bed_stage(&bed, STORE_DELETE, "task", ""); /* inserted in another memtable: written */
    check_ok(store_shard_flush(bed.shard));
    check_i64(counter_of(&bed, "gnomon_store_flushed_rows_total"), 2);
    check_row(&bed, "task", NULL);
    bed_reopen(&bed, false);
    check_row(&bed, "task", NULL);
    bed_release(&bed);
}

static void suite_replayed_insert_is_not_elided(const struct suite_hooks *hooks)
{
    struct bed bed;

    bed_init(&bed, hooks);
    bed_stage(&bed, STORE_INSERT, "k", "1");
    bed_run(&bed);
    bed_reopen(&bed, false);
    bed_stage(&bed, STORE_DELETE, "k", "");
    check_ok(store_shard_flush(bed.shard));
    check_i64(counter_of(&bed, "gnomon_store_elided_rows_total"), 0);
    check_row(&bed, "k", NULL);
    bed_release(&bed);
}

static void suite_scans_merge_all_layers(const struct suite_hooks *hooks)
{
    struct bed bed;

    bed_init(&bed, hooks);
    bed_put(&bed, "a", "old");
    bed_put(&bed, "b", "1");
    bed_put(&bed, "d", "1");
    bed_put(&bed, "z", "1");
    check_ok(store_shard_flush(bed.shard));
    bed_put(&bed, "a", "new");
    bed_put(&bed, "c", "2");
    bed_stage(&bed, STORE_DELETE, "d", "");
    bed_run(&bed);
    check_listing(&bed, "", "", false, "a=new b=1 c=2 z=1");
    check_listing(&bed, "", "", true, "z=1 c=2 b=1 a=new");
    check_listing(&bed, "b", "z", false, "b=1 c=2");
    check_listing(&bed, "b", "z", true, "c=2 b=1");
    check_listing(&bed, "bb", "bc", false, "");
    check_listing(&bed, "bb", "bc", true, "");
    check_listing(&bed, "zz", "", false, "");
    check_listing(&bed, "d", "e", true, "");
    struct listing first = {.limit = 1};
    buf_init(&first.text, 0);
    check_ok(store_read_now(bed.shard, list_rows, &first));
    check_slice(buf_slice(&first.text), SLICE_LIT("a=new"));
    buf_release(&first.text);
    bed_release(&bed);
}

static void suite_families_are_apart(const struct suite_hooks *hooks)
{
    struct bed bed;
    struct store_op ops[2] = {op_of(STORE_PUT, "k", "main"), op_of(STORE_PUT, "k", "vis")};
    int64_t seq;

    bed_init(&bed, hooks);
    ops[1].family = STORE_VISIBILITY;
    check_ok(store_stage(bed.shard, ops, 2, false, &seq));
    bed_run(&bed);
    for (int round = 0; round < 3; round++) {
        struct listing l = {.family = STORE_VISIBILITY, .limit = SIZE_MAX};

        buf_init(&l.text, 0);
        check_ok(store_read_now(bed.shard, list_rows, &l));
        check_slice(buf_slice(&l.text), SLICE_LIT("k=vis"));
        buf_release(&l.text);
        check_row(&bed, "k", "main");
        bed_reopen(&bed, round == 0);
    }
    bed_release(&bed);
}

struct frozen_read {
    struct bed *bed;
    struct listing before, after;
};

static enum err read_while_it_flushes(struct store_snapshot *snapshot, void *arg)
{
    struct frozen_read *r = arg;

    check_ok(list_rows(snapshot, &r->before));
    bed_stage(r->bed, STORE_PUT, "a", "later");
    bed_stage(r->bed, STORE_DELETE, "b", "");
    bed_stage(r->bed, STORE_PUT, "c", "later");
    check_ok(store_shard_flush(r->bed->shard));
    return list_rows(snapshot, &r->after);
}

static void suite_a_snapshot_does_not_move(const struct suite_hooks *hooks)
{
    struct bed bed;
    struct frozen_read read = {
        .bed = &bed, .before = {.limit = SIZE_MAX}, .after = {.limit = SIZE_MAX}};

    bed_init(&bed, hooks);
    buf_init(&read.before.text, 0);
    buf_init(&read.after.text, 0);
    bed_put(&bed, "a", "1");
    check_ok(store_shard_flush(bed.shard));
    bed_put(&bed, "b", "2");
    check_ok(store_read_now(bed.shard, read_while_it_flushes, &read));
    check_slice(buf_slice(&read.before.text), SLICE_LIT("a=1 b=2"));
    check_slice(buf_slice(&read.after.text), SLICE_LIT("a=1 b=2"));
    check_listing(&bed, "", "", false, "a=later c=later");
    buf_release(&read.before.text);
    buf_release(&read.after.text);
    bed_release(&bed);
}

struct nested {
    struct listing inner;
    struct store_snapshot *snapshot;
};

static bool scan_inside(void *arg, struct slice key, struct slice value)
{
    struct nested *n = arg;

    UNUSED(value);
    n->inner.from = key;
    n->inner.limit = SIZE_MAX;
    check_ok(list_rows(n->snapshot, &n->inner));
    return true;
}

static enum err scan_in_scan(struct store_snapshot *snapshot, void *arg)
{
    struct nested *n = arg;

    n->snapshot = snapshot;
    return store_scan(snapshot, STORE_MAIN, SLICE_EMPTY, SLICE_EMPTY, false, scan_inside, n);
}

static void suite_scans_nest(const struct suite_hooks *hooks)
{
    struct bed bed;
    struct nested nested = {.snapshot = NULL};

    bed_init(&bed, hooks);
    bed_put(&bed, "a", "1");
    bed_put(&bed, "b", "2");
    check_ok(store_shard_flush(bed.shard));
    bed_put(&bed, "c", "3");
    buf_init(&nested.inner.text, 0);
    check_ok(store_read_now(bed.shard, scan_in_scan, &nested));
    check_slice(buf_slice(&nested.inner.text), SLICE_LIT("a=1 b=2 c=3 b=2 c=3 c=3"));
    buf_release(&nested.inner.text);
    bed_release(&bed);
}

static void suite_limits_are_refused_before_the_append(const struct suite_hooks *hooks)
{
    struct bed bed;
    static uint8_t key[STORE_KEY_MAX + 1];
    uint8_t *value = calloc(1, STORE_TRANSITION_MAX);
    const struct slice big = slice_of(value, STORE_TRANSITION_MAX);
    const struct slice fits = slice_of(value, STORE_TRANSITION_MAX - STORE_KEY_MAX);
    const struct store_op bad[] = {
        {.key = SLICE_EMPTY},
        {.key = slice_of(key, sizeof key)},
        {.key = SLICE_LIT("k"), .value = big},
        {.kind = STORE_DELETE, .key = SLICE_LIT("k"), .value = SLICE_LIT("v")},
        {.key = SLICE_LIT("k"), .family = STORE_FAMILY_COUNT},
    };
    int64_t seq;

    bed_init(&bed, hooks);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        check_err(store_stage(bed.shard, &bad[i], 1, false, &seq), ERR_INVALID);
    check_err(store_stage(bed.shard, bad, 0, false, &seq), ERR_INVALID);
    check_i64(store_staged_seq(bed.shard), 0);
    struct store_op largest = {.key = slice_of(key, STORE_KEY_MAX), .value = fits};
    check_ok(store_stage(bed.shard, &largest, 1, false, &seq));
    bed_run(&bed);
    check_i64(bed.durable, 1);
    bed_reopen(&bed, false);
    struct lookup l = {.key = "k"};
    check_ok(store_read_now(bed.shard, look_up, &l));
    check(!l.found);
    check_i64(store_durable_seq(bed.shard), 1);
    arena_release(&l.arena);
    free(value);
    bed_release(&bed);
}

static void suite_records_close_at_their_size(const struct suite_hooks *hooks)
{
    struct bed bed;
    uint8_t *value = calloc(1, 300 * 1024);
    struct store_op op = {.key = SLICE_LIT("k"), .value = slice_of(value, 300 * 1024)};
    int64_t seq;

    bed_init(&bed, hooks);
    for (int64_t i = 0; i < 9; i++) {
        check_ok(store_stage(bed.shard, &op, 1, false, &seq));
        check_i64(seq, 1 + i / 3);
    }
    bed_run(&bed);
    check_i64(bed.durable, 3);
    free(value);
    bed_release(&bed);
}

static void suite_a_full_tail_pushes_back(const struct suite_hooks *hooks)
{
    struct bed bed;
    uint8_t *value = calloc(1, 1000 * 1000);
    struct store_op op = {.key = SLICE_LIT("k"), .value = slice_of(value, 1000 * 1000)};
    int64_t seq, staged = 0;

    bed_init(&bed, hooks);
    enum err err;
    while ((err = store_stage(bed.shard, &op, 1, false, &seq)) == ERR_OK && staged < 100)
        staged++;
    check_err(err, ERR_BUSY);
    check_i64(staged, 8);
    bed_run(&bed); /* appends, and the flush that the refusal asked for */
    check_i64(bed.durable, 8);
    for (int i = 0; i < 8; i++)
        check_ok(store_stage(bed.shard, &op, 1, false, &seq));
    bed_run(&bed);
    check_i64(bed.durable, 16);
    free(value);
    bed_release(&bed);
}

static void suite_only_one_owner_commits(const struct suite_hooks *hooks)
{
    struct bed bed, rival;
    struct err_detail detail = {.text = ""};

    bed_init(&bed, hooks);
    bed_put(&bed, "a", "1");
    rival = bed;
    rival.shard = NULL;
    rival.store = NULL;
    if (!hooks->shared) {
        check_err(bed_try_open(&rival, &detail), ERR_FENCED);
        check(strstr(detail.text, "another process") != NULL);
        bed_close(&bed, false);
        bed_open(&rival);
    } else {
        bed_open(&rival);
        bed_stage(&bed, STORE_PUT, "b", "stale");
        bed_run(&bed);
        check_err(bed.lost, ERR_FENCED);
        check_i64(bed.durable, 1);
        struct lookup l = {.key = "a"};
        check_err(store_read_now(bed.shard, look_up, &l), ERR_FENCED);
        check_err(store_shard_flush(bed.shard), ERR_FENCED);
        bed_close(&bed, true);
    }
    bed_put(&rival, "c", "3");
    check_listing(&rival, "", "", false, "a=1 c=3");
    bed_close(&rival, true);
    bed_release(&bed);
}

/* The old owner flushes late: its rows must not cover newer ones. */
static void suite_a_late_flush_is_refused(const struct suite_hooks *hooks)
{
    struct bed bed, rival;

    if (!hooks->shared)
        return; /* nobody else can have the files open */
    bed_init(&bed, hooks);
    bed_put(&bed, "a", "1");
    rival = bed;
    bed_open(&rival);
    bed_put(&rival, "a", "2");
    check_ok(store_shard_flush(rival.shard));
    check_err(store_shard_flush(bed.shard), ERR_FENCED);
    check_row(&rival, "a", "2");
    bed_reopen(&rival, false);
    check_row(&rival, "a", "2");
    bed_close(&rival, false);
    bed_release(&bed);
}

static void suite_damage_refuses_to_open(const struct suite_hooks *hooks)
{
    struct bed bed;
    struct err_detail detail = {.text = ""};

    bed_init(&bed, hooks);
    bed_put(&bed, "a", "1");
    bed_put(&bed, "b", "2");
    bed_put(&bed, "c", "3");
    bed_close(&bed, false);
    check(hooks->damage(bed.dir, 2));
    check_err(bed_try_open(&bed, &detail), ERR_CORRUPT);
    check(strstr(detail.text, "digest") != NULL);
    bed_release(&bed);
}

static void suite_a_lost_record_refuses_to_open(const struct suite_hooks *hooks)
{
    for (int64_t seq = 1; seq <= 3; seq++) {
        struct bed bed;
        struct err_detail detail = {.text = ""};

        bed_init(&bed, hooks);
        bed_put(&bed, "a", "1");
        bed_put(&bed, "b", "2");
        bed_put(&bed, "c", "3");
        bed_close(&bed, false);
        check(hooks->lose(bed.dir, seq));
        check_err(bed_try_open(&bed, &detail), ERR_CORRUPT);
        bed_release(&bed);
    }
}

static void suite_an_idle_shard_is_flushed_once(const struct suite_hooks *hooks)
{
    struct bed bed;

    bed_init(&bed, hooks);
    bed_put(&bed, "a", "1");
    check_i64(counter_of(&bed, "gnomon_store_flushes_total"), 0);
    for (int i = 0; i < 20; i++) {
        bed.clock.now_ns += NS_PER_S;
        bed_run(&bed);
    }
    check_i64(counter_of(&bed, "gnomon_store_flushes_total"), 1);
    check_row(&bed, "a", "1");
    bed_put(&bed, "b", "2");
    for (int i = 0; i < 20; i++) {
        bed.clock.now_ns += NS_PER_S;
        bed_run(&bed);
    }
    check_i64(counter_of(&bed, "gnomon_store_flushes_total"), 2);
    bed_reopen(&bed, false);
    check_listing(&bed, "", "", false, "a=1 b=2");
    bed_release(&bed);
}

struct late_read {
    struct bed *bed;
    struct store_read_job job;
    int done;
    enum err err;
    bool close;
};

static enum err read_nothing(struct store_snapshot *snapshot, void *arg)
{
    struct lookup l = {.key = "a"};

    UNUSED(arg);
    const enum err err = look_up(snapshot, &l);
    check(l.found);
    arena_release(&l.arena);
    return err;
}

static void read_is_done(void *arg, enum err err)
{
    struct late_read *r = arg;

    r->done++;
    r->err = err;
    if (r->close) {
        store_shard_close(r->bed->shard, false);
        r->bed->shard = NULL;
    }
}

static void suite_reads_are_answered_or_cancelled(const struct suite_hooks *hooks)
{
    struct bed bed;
    struct late_read reads[3] = {{.bed = &bed}, {.bed = &bed, .close = true}, {.bed = &bed}};

    bed_init(&bed, hooks);
    bed_put(&bed, "a", "1");
    for (int i = 0; i < 3; i++)
        reads[i].job =
            (struct store_read_job){.read = read_nothing, .done = read_is_done, .arg = &reads[i]};
    store_read(bed.shard, &reads[0].job);
    bed_run(&bed);
    check_i64(reads[0].done, 1);
    check_ok(reads[0].err);
    store_read(bed.shard, &reads[1].job);
    check(store_step(bed.store)); /* the read, not yet its answer */
    store_read(bed.shard, &reads[2].job);
    bed_run(&bed); /* the answer closes the shard: the third is cancelled */
    check_i64(reads[1].done, 1);
    check_ok(reads[1].err);
    check_i64(reads[2].done, 1);
    check_err(reads[2].err, ERR_CANCELED);
    store_close(bed.store);
    bed.store = NULL;
    bed_release(&bed);
}

/* Random transitions, flushes, crashes and orderly restarts against an array. */
enum { MIRROR_KEYS = 40 };

struct mirror {
    char value[MIRROR_KEYS][16]; /* "": absent */
};

static void check_mirror(struct bed *bed, const struct mirror *m, struct rng *rng)
{
    const uint64_t from = rng_below(rng, MIRROR_KEYS), to = rng_below(rng, MIRROR_KEYS + 1);
    const bool reverse = rng_below(rng, 2);
    char from_key[16], to_key[16];
    struct buf want;

    buf_init(&want, 0);
    for (uint64_t i = 0; i < MIRROR_KEYS; i++) {
        const uint64_t k = reverse ? MIRROR_KEYS - 1 - i : i;

        if (k >= from && k < to && m->value[k][0])
            buf_printf(&want, "%skey%02u=%s", want.len ? " " : "", (unsigned)k, m->value[k]);
    }
    buf_append(&want, "", 1);
    snprintf(from_key, sizeof from_key, "key%02u", (unsigned)from);
    snprintf(to_key, sizeof to_key, "key%02u", (unsigned)to);
    check_listing(bed, from_key, to_key, reverse, (const char *)want.ptr);
    buf_release(&want);
}

static void random_transition(struct bed *bed, struct mirror *m, struct rng *rng, int round)
{
    struct store_op ops[4];
    char keys[4][16], values[4][16];
    const size_t count = 1 + rng_below(rng, 4);
    int64_t seq;

    for (size_t i = 0; i < count; i++) {
        const uint64_t k = rng_below(rng, MIRROR_KEYS);
        const bool there = m->value[k][0] != '\0', delete = there && rng_below(rng, 2);

        snprintf(keys[i], sizeof keys[i], "key%02u", (unsigned)k);
        snprintf(values[i], sizeof values[i], delete ? "" : "v%d.%u", round, (unsigned)i);
        ops[i] = op_of(delete  ? STORE_DELETE
                       : there ? STORE_PUT
                               : STORE_INSERT,
                       keys[i], values[i]);
        memcpy(m->value[k], values[i], sizeof values[i]);
    }
    check_ok(store_stage(bed->shard, ops, count, false, &seq));
}

static void suite_random_histories_are_kept(const struct suite_hooks *hooks)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct bed bed;
        struct mirror mirror = {0};
        struct rng rng;

        bed_init(&bed, hooks);
        rng_seed(&rng, seed);
        for (int round = 0; round < 150; round++) {
            random_transition(&bed, &mirror, &rng, round);
            if (rng_below(&rng, 3) == 0)
                continue; /* the next one may join the record */
            bed_run(&bed);
            check_mirror(&bed, &mirror, &rng);
            if (rng_below(&rng, 8) == 0)
                check_ok(store_shard_flush(bed.shard));
            if (rng_below(&rng, 12) == 0)
                bed_reopen(&bed, rng_below(&rng, 2));
            check_mirror(&bed, &mirror, &rng);
        }
        bed_release(&bed);
    }
}

#define SUITE(X, hooks)                                                                            \
    X(hooks, suite_rows_are_seen_once_durable)                                                     \
    X(hooks, suite_reopening_finds_everything)                                                     \
    X(hooks, suite_rows_that_come_and_go_are_not_written)                                          \
    X(hooks, suite_replayed_insert_is_not_elided)                                                  \
    X(hooks, suite_scans_merge_all_layers)                                                         \
    X(hooks, suite_families_are_apart)                                                             \
    X(hooks, suite_a_snapshot_does_not_move)                                                       \
    X(hooks, suite_scans_nest)                                                                     \
    X(hooks, suite_limits_are_refused_before_the_append)                                           \
    X(hooks, suite_records_close_at_their_size)                                                    \
    X(hooks, suite_a_full_tail_pushes_back)                                                        \
    X(hooks, suite_only_one_owner_commits)                                                         \
    X(hooks, suite_a_late_flush_is_refused)                                                        \
    X(hooks, suite_damage_refuses_to_open)                                                         \
    X(hooks, suite_a_lost_record_refuses_to_open)                                                  \
    X(hooks, suite_an_idle_shard_is_flushed_once)                                                  \
    X(hooks, suite_reads_are_answered_or_cancelled)                                                \
    X(hooks, suite_random_histories_are_kept)

#define SUITE_TEST(hooks, scenario)                                                                \
    TEST(hooks##_##scenario)                                                                       \
    {                                                                                              \
        scenario(&hooks);                                                                          \
    }

#endif
