/* store_test.c - the suite on every back end that needs no server. */
#include "common/store/fault/store_fault.h"
#include "common/store/memory/store_memory.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/store/store_suite.h"

/* -- the sqlite back end: files of a folder ------------------------------------------------- */

static void sqlite_wipe(const char *dir)
{
    static const char *const names[] = {"test-7.log.db",         "test-7.tables.db",
                                        "test-7.log.db-wal",     "test-7.tables.db-wal",
                                        "test-7.log.db-journal", "test-7.tables.db-shm",
                                        "test.ballast"};
    char path[512];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

static bool sqlite_change(const char *dir, const char *sql, int64_t seq)
{
    char path[512];
    sqlite3 *db;
    sqlite3_stmt *stmt;

    snprintf(path, sizeof path, "%s/test-7.log.db", dir);
    must(sqlite3_open(path, &db) == SQLITE_OK);
    must(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK);
    sqlite3_bind_int64(stmt, 1, seq * 16);
    const bool done = sqlite3_step(stmt) == SQLITE_DONE && sqlite3_changes(db) == 1;
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return done;
}

static bool sqlite_damage(const char *dir, int64_t seq)
{
    return sqlite_change(dir,
                         "UPDATE log SET bytes = substr(bytes, 1, length(bytes) - 1) || x'fe'"
                         " WHERE id = ?1",
                         seq);
}

static bool sqlite_lose(const char *dir, int64_t seq)
{
    return sqlite_change(dir, "DELETE FROM log WHERE id = ?1", seq);
}

static const struct suite_hooks sqlite = {
    .backend = "sqlite", .wipe = sqlite_wipe, .damage = sqlite_damage, .lose = sqlite_lose};

/* -- a disk that is full: every write of SQLite's is refused while `disk_is_full` ------------ */

static bool disk_is_full;
static sqlite3_vfs full_vfs, *real_vfs;
static struct {
    const sqlite3_io_methods *real;
    sqlite3_io_methods full;
} full_methods[8]; /* of databases, journals ... */
static int (*real_write)(sqlite3_file *, const void *, int, sqlite3_int64);

static int full_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    return disk_is_full ? SQLITE_FULL : real_write(file, bytes, len, at);
}

static int full_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    const int code = real_vfs->xOpen(real_vfs, name, file, flags, out);

    UNUSED(vfs);
    if (code != SQLITE_OK || !file->pMethods)
        return code;
    size_t i = 0;
    while (full_methods[i].real && full_methods[i].real != file->pMethods)
        must(++i < COUNT_OF(full_methods));
    full_methods[i].real = file->pMethods;
    full_methods[i].full = *file->pMethods;
    full_methods[i].full.xWrite = full_write;
    real_write = file->pMethods->xWrite;
    file->pMethods = &full_methods[i].full;
    return code;
}

static void use_full_vfs(bool use)
{
    if (!real_vfs) {
        real_vfs = sqlite3_vfs_find(NULL);
        full_vfs = *real_vfs;
        full_vfs.zName = "full";
        full_vfs.xOpen = full_open;
    }
    sqlite3_vfs_register(use ? &full_vfs : real_vfs, 1);
}

static int64_t ballast_bytes(const struct bed *bed)
{
    char path[512];
    struct stat st;

    snprintf(path, sizeof path, "%s/test.ballast", bed->dir);
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

TEST(sqlite_survives_a_full_disk)
{
    const struct store_op op = op_of(STORE_PUT, "c", "3");
    struct bed bed;
    int64_t seq;

    use_full_vfs(true);
    bed_init(&bed, &sqlite);
    check_i64(ballast_bytes(&bed), 4 * 1024 * 1024);
    bed_put(&bed, "a", "1");
    disk_is_full = true;
    bed_stage(&bed, STORE_PUT, "b", "2");
    bed_run(&bed);
    check_i64(bed.durable, 1);
    check_err(bed.lost, ERR_OK);
    check_i64(ballast_bytes(&bed), 0); /* given up */
    check_err(store_stage(bed.shard, &op, 1, false, &seq), ERR_DISK_FULL);
    disk_is_full = false; /* the room of the ballast */
    check_ok(store_stage(bed.shard, &op, 1, true, &seq));
    bed.clock.now_ns += 100 * NS_PER_MS;
    bed_run(&bed);
    check_i64(bed.durable, seq);
    bed.clock.now_ns += NS_PER_S; /* the machine has room all the while: the mode ends */
    bed_run(&bed);
    bed_put(&bed, "d", "4");
    disk_is_full = true;
    check_err(store_shard_flush(bed.shard), ERR_DISK_FULL);
    disk_is_full = false;
    for (int i = 0; i < 30; i++) {
        bed.clock.now_ns += 100 * NS_PER_MS;
        bed_run(&bed);
    }
    check_i64(ballast_bytes(&bed), 4 * 1024 * 1024); /* laid down again */
    bed_put(&bed, "e", "5");
    bed_reopen(&bed, true);
    check_listing(&bed, "", "", false, "a=1 b=2 c=3 d=4 e=5");
    bed_release(&bed);
    use_full_vfs(false);
}

/* -- memory and fault ----------------------------------------------------------------------- */

static bool memory_damage(const char *dir, int64_t seq)
{
    return store_memory_damage(dir, "test", BED_SHARD, seq, 50);
}

static bool memory_lose(const char *dir, int64_t seq)
{
    return store_memory_lose(dir, "test", BED_SHARD, seq);
}

static const struct suite_hooks memory = {.backend = "memory",
                                          .shared = true,
                                          .wipe = store_memory_wipe,
                                          .damage = memory_damage,
                                          .lose = memory_lose};
static const struct suite_hooks fault = {.backend = "fault",
                                         .shared = true,
                                         .wipe = store_fault_wipe,
                                         .damage = memory_damage,
                                         .lose = memory_lose};

SUITE(SUITE_TEST, sqlite)
SUITE(SUITE_TEST, memory)
SUITE(SUITE_TEST, fault)

/* -- the fault loop: operation N fails for N = 1, 2, 3 ... until a story comes to its end --- */

enum { STORY_TRANSITIONS = 40, STORY_ROWS = 40 }; /* a flush of 15 transitions has two slices */

struct story {
    struct bed bed;
    int64_t staged, acked; /* transitions */
    int64_t seqs[STORY_TRANSITIONS + 1];
};

/* Transition `n`: its own rows, a task that replaces the one before, and the row "n". */
static enum err story_stage(struct story *t, int64_t n)
{
    struct store_op ops[STORY_ROWS + 3];
    char keys[STORY_ROWS + 3][40], number[24];
    size_t count = 0;
    int64_t seq;

    snprintf(number, sizeof number, "%03lld", (long long)n);
    for (; count < STORY_ROWS; count++) {
        snprintf(keys[count], sizeof keys[count], "row%s-%02zu", number, count);
        ops[count] = op_of(STORE_INSERT, keys[count], number);
    }
    snprintf(keys[count], sizeof keys[count], "task%s", number);
    ops[count] = op_of(STORE_INSERT, keys[count], "");
    count++;
    if (n > 1) {
        snprintf(keys[count], sizeof keys[count], "task%03lld", (long long)n - 1);
        ops[count] = op_of(STORE_DELETE, keys[count], "");
        count++;
    }
    ops[count++] = op_of(STORE_PUT, "n", number);
    const enum err err = store_stage(t->bed.shard, ops, count, false, &seq);
    if (err == ERR_OK) {
        t->staged = n;
        t->seqs[n] = seq;
    }
    return err;
}

/* Runs until all that is staged is durable, or the shard is lost. */
static bool story_settle(struct story *t)
{
    for (int i = 0; i < 1000 && t->bed.lost == ERR_OK; i++) {
        bed_run(&t->bed);
        if (t->bed.durable >= t->seqs[t->staged])
            break;
        t->bed.clock.now_ns += 100 * NS_PER_MS; /* a retry waits for its time */
    }
    while (t->acked < t->staged && t->bed.durable >= t->seqs[t->acked + 1])
        t->acked++;
    check(t->bed.lost != ERR_OK || t->acked == t->staged);
    return t->bed.lost == ERR_OK;
}

static bool story_flush(struct story *t)
{
    for (int i = 0; i < 10; i++) {
        if (store_shard_flush(t->bed.shard) == ERR_OK)
            return true;
        if (!story_settle(t))
            return false;
    }
    bed_run(&t->bed);
    return false;
}

/* False: something failed on the way. */
static bool story_tell(struct story *t)
{
    struct err_detail detail;

    for (int64_t n = t->acked + 1; n <= STORY_TRANSITIONS; n++) {
        enum err err = story_stage(t, n);

        for (int i = 0; err == ERR_DISK_FULL && i < 20; i++) {
            t->bed.clock.now_ns += NS_PER_S; /* the mode ends when there is room */
            bed_run(&t->bed);
            err = story_stage(t, n);
        }
        if (err != ERR_OK || (n % 3 != 0 && !story_settle(t)))
            return false;
        if (n % 15 == 0 && !story_flush(t))
            return false;
        if (n == 22) {
            bed_close(&t->bed, false);
            if (bed_try_open(&t->bed, &detail) != ERR_OK)
                return false;
            t->staged = t->acked;
            t->bed.durable = t->seqs[t->acked];
        }
    }
    return story_settle(t) && story_flush(t);
}

static bool count_row(void *arg, struct slice key, struct slice value)
{
    int64_t *counts = arg; /* rows, tasks, the number in "n" */

    if (slice_starts_with(key, SLICE_LIT("row")))
        counts[0]++;
    else if (slice_starts_with(key, SLICE_LIT("task")))
        counts[1]++;
    else
        for (size_t i = 0; i < value.len; i++)
            counts[2] = counts[2] * 10 + value.ptr[i] - '0';
    return true;
}

static enum err count_rows(struct store_snapshot *snapshot, void *arg)
{
    return store_scan(snapshot, STORE_MAIN, SLICE_EMPTY, SLICE_EMPTY, false, count_row, arg);
}

/* What stands there is whole transitions, all that were acknowledged and none twice. */
static int64_t story_check(struct story *t)
{
    int64_t counts[3] = {0};

    check_ok(store_read_now(t->bed.shard, count_rows, counts));
    check(counts[2] >= t->acked && counts[2] <= STORY_TRANSITIONS);
    check_i64(counts[0], counts[2] * STORY_ROWS);
    check_i64(counts[1], counts[2] > 0);
    return counts[2];
}

static bool story_with(enum fault_kind kind, uint64_t at, uint64_t times)
{
    static const struct fault_plan no_plan = {.kind = FAULT_NONE};
    const struct fault_plan plan = {.kind = kind, .at = at, .times = times};
    struct story t = {0};

    bed_init(&t.bed, &fault);
    store_fault_set(t.bed.dir, &plan);
    const bool told = story_tell(&t);
    const bool hit = store_fault_hit(t.bed.dir);
    check(told || hit);
    if (kind >= FAULT_BUSY && kind <= FAULT_UNKNOWN_DROPPED) /* tried again, but for an open */
        check(told || !t.bed.shard);
    store_fault_set(t.bed.dir, &no_plan);
    if (t.bed.shard)
        bed_close(&t.bed, false);
    bed_open(&t.bed);
    t.acked = t.staged = story_check(&t);
    t.bed.durable = store_durable_seq(t.bed.shard);
    check(story_tell(&t)); /* and it goes on from there */
    check_i64(story_check(&t), STORY_TRANSITIONS);
    bed_reopen(&t.bed, true);
    check_i64(story_check(&t), STORY_TRANSITIONS);
    bed_release(&t.bed);
    return hit;
}

static void fault_loop(enum fault_kind kind, uint64_t times)
{
    uint64_t at = 1;

    while (at < 1000 && story_with(kind, at, times))
        at++;
    check(at > 30 && at < 1000);
}

static enum err read_no_row(struct store_snapshot *snapshot, void *arg)
{
    UNUSED(snapshot);
    UNUSED(arg);
    return ERR_OK;
}

static void read_ended(void *arg, enum err err)
{
    *(enum err *)arg = err;
}

/* A shard that only reads learns of its end by its reads. */
TEST(fault_in_a_read_loses_the_shard)
{
    static const struct {
        enum fault_kind kind;
        enum err err;
    } cases[] = {{FAULT_FENCED, ERR_FENCED}, {FAULT_IO, ERR_IO}, {FAULT_UNKNOWN_DONE, ERR_IO}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct fault_plan plan = {.kind = cases[i].kind, .at = 1, .times = 1};
        enum err read = ERR_OK;
        struct store_read_job job = {.read = read_no_row, .done = read_ended, .arg = &read};
        struct bed bed;

        bed_init(&bed, &fault);
        bed_put(&bed, "k", "v");
        store_fault_set(bed.dir, &plan);
        store_read(bed.shard, &job);
        bed_run(&bed);
        check_err(read, cases[i].err);
        check_err(bed.lost, cases[i].err);
        bed_release(&bed);
    }
}

TEST(fault_loop_io)
{
    fault_loop(FAULT_IO, 1);
}

TEST(fault_loop_fenced)
{
    fault_loop(FAULT_FENCED, 1);
}

TEST(fault_loop_busy)
{
    fault_loop(FAULT_BUSY, 3);
}

TEST(fault_loop_disk_full)
{
    fault_loop(FAULT_DISK_FULL, 3);
}

TEST(fault_loop_unknown_outcome)
{
    fault_loop(FAULT_UNKNOWN_DONE, 1);
    fault_loop(FAULT_UNKNOWN_DROPPED, 2);
}

TEST(fault_loop_crash)
{
    fault_loop(FAULT_CRASH_BEFORE, 1);
    fault_loop(FAULT_CRASH_AFTER, 1);
}

TEST(what_is_not_durable_is_not_flushed)
{
    const struct fault_plan busy = {
        .kind = FAULT_BUSY, .at = 2, .times = UINT64_MAX, .appends_only = true};
    struct bed bed;

    bed_init(&bed, &fault);
    store_fault_set(bed.dir, &busy);
    bed_put(&bed, "a", "1");
    bed_stage(&bed, STORE_PUT, "b", "never");
    for (int i = 0; i < 100; i++) { /* idle for long: a flush is due, and would pass */
        bed.clock.now_ns += 100 * NS_PER_MS;
        bed_run(&bed);
    }
    check_i64(bed.durable, 1);
    store_fault_set(bed.dir, &(struct fault_plan){.kind = FAULT_NONE});
    bed_reopen(&bed, false);
    check_listing(&bed, "", "", false, "a=1");
    bed_release(&bed);
}

TEST(an_unknown_outcome_is_given_up_in_the_end)
{
    const struct fault_plan plan = {.kind = FAULT_UNKNOWN_DROPPED, .at = 1, .times = UINT64_MAX};
    struct bed bed;

    bed_init(&bed, &fault);
    store_fault_set(bed.dir, &plan);
    bed_stage(&bed, STORE_PUT, "a", "1");
    for (int i = 0; i < 1000 && bed.lost == ERR_OK; i++) {
        bed_run(&bed);
        bed.clock.now_ns += 100 * NS_PER_MS;
    }
    check_err(bed.lost, ERR_UNAVAILABLE);
    bed_release(&bed);
}

TEST(a_full_disk_takes_essential_transitions_only)
{
    const struct fault_plan plan = {.kind = FAULT_DISK_FULL, .at = 1, .times = 1};
    const struct store_op op = op_of(STORE_PUT, "b", "2");
    struct bed bed;
    int64_t seq;

    bed_init(&bed, &fault);
    store_fault_set(bed.dir, &plan);
    bed_stage(&bed, STORE_PUT, "a", "1");
    check(store_step(bed.store));
    check_err(store_stage(bed.shard, &op, 1, false, &seq), ERR_DISK_FULL);
    check_ok(store_stage(bed.shard, &op, 1, true, &seq));
    bed.clock.now_ns += 100 * NS_PER_MS;
    bed_run(&bed);
    check_i64(bed.durable, seq);
    check_err(store_stage(bed.shard, &op, 1, false, &seq), ERR_DISK_FULL);
    bed.clock.now_ns += 2 * NS_PER_S;
    bed_run(&bed);
    check_ok(store_stage(bed.shard, &op, 1, false, &seq));
    bed_run(&bed);
    bed_release(&bed);
}
