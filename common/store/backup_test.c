/* backup_test.c - copies of a shard on SQLite: what is in them, and shards made of them. */
#include "common/store/backup.h"

#include "tests/lib/test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SHARD = 3 };

struct disk {
    char dir[64], other[64], copy[96];
    struct fake_clock clock;
    struct log log;
    struct store *store;
    struct store_shard *shard;
};

static void ignore_durable(void *arg, int64_t seq)
{
    UNUSED(arg);
    UNUSED(seq);
}

static void note_lost(void *arg, enum err err)
{
    UNUSED(arg);
    check_err(err, ERR_OK);
}

static struct store_options options_of(struct disk *disk, const char *dir)
{
    return (struct store_options){.backend = "sqlite",
                                  .dir = dir,
                                  .service = "test",
                                  .clock = &disk->clock.clock,
                                  .log = &disk->log,
                                  .commit_threads = 1,
                                  .manual = true};
}

static void disk_open(struct disk *disk, const char *dir)
{
    const struct store_options options = options_of(disk, dir);
    const struct store_shard_callbacks callbacks = {ignore_durable, note_lost, disk};
    struct err_detail detail = {0};

    check_ok(store_open(&options, &disk->store, &detail));
    check_ok(store_shard_open(disk->store, SHARD, NULL, &callbacks, &disk->shard, &detail));
}

static void disk_close(struct disk *disk, bool flush)
{
    store_shard_close(disk->shard, flush);
    store_close(disk->store);
}

static void disk_init(struct disk *disk)
{
    *disk = (struct disk){.log = {.level = LOG_ERROR + 1, .fd = 2}};
    fake_clock_init(&disk->clock, NS_PER_S);
    snprintf(disk->dir, sizeof disk->dir, "/tmp/gnomon-backup-test-XXXXXX");
    snprintf(disk->other, sizeof disk->other, "/tmp/gnomon-backup-test-XXXXXX");
    check(mkdtemp(disk->dir) != NULL && mkdtemp(disk->other) != NULL);
    snprintf(disk->copy, sizeof disk->copy, "%s/test-%d.tables.db", disk->other, SHARD);
    disk_open(disk, disk->dir);
}

static void disk_release(struct disk *disk)
{
    char command[160];

    snprintf(command, sizeof command, "rm -rf %s %s", disk->dir, disk->other);
    check(system(command) == 0);
}

static void put(struct disk *disk, const char *key, const char *value)
{
    const struct store_op op = {
        .kind = STORE_PUT, .key = slice_str(key), .value = slice_str(value)};
    int64_t seq;

    check_ok(store_stage(disk->shard, &op, 1, false, &seq));
    while (store_durable_seq(disk->shard) < seq)
        check(store_step(disk->store));
}

struct wanted {
    const char *key, *value; /* value NULL: there is no such row */
};

static enum err expect(struct store_snapshot *snapshot, void *arg)
{
    const struct wanted *wanted = arg;
    struct arena arena;
    struct slice value;
    bool found;

    arena_init(&arena);
    const enum err err =
        store_get(snapshot, STORE_MAIN, slice_str(wanted->key), &arena, &value, &found);
    check(found == (wanted->value != NULL) && slice_eq(value, slice_str(wanted->value)));
    arena_release(&arena);
    return err;
}

static void check_row(struct disk *disk, const char *key, const char *value)
{
    struct wanted wanted = {key, value};

    check_ok(store_read_now(disk->shard, expect, &wanted));
}

TEST(backup_holds_everything_up_to_its_sequence_and_goes_on)
{
    struct disk disk;
    struct store_backup backup;
    struct err_detail detail = {0};

    disk_init(&disk);
    put(&disk, "a", "1");
    put(&disk, "b", "2");
    const int64_t lease = store_lease(disk.shard), seq = store_staged_seq(disk.shard);
    check_ok(store_shard_backup(disk.shard, disk.copy, &backup, &detail));
    check_i64(backup.seq, seq);
    check_i64(backup.range_id, lease);
    put(&disk, "a", "later");
    put(&disk, "c", "later");
    disk_close(&disk, true);

    const struct store_options options = options_of(&disk, disk.other);
    backup.seq += 1000;
    backup.range_id += 50;
    check_ok(store_shard_restore(&options, SHARD, &backup, &detail));
    disk_open(&disk, disk.other);
    check_i64(store_lease(disk.shard), lease + 51);
    check_i64(store_staged_seq(disk.shard), seq + 1000);
    check_row(&disk, "a", "1");
    check_row(&disk, "b", "2");
    check_row(&disk, "c", NULL);
    put(&disk, "d", "4");
    disk_close(&disk, false);
    disk_open(&disk, disk.other); /* the record is replayed */
    check_row(&disk, "d", "4");
    disk_close(&disk, true);
    disk_release(&disk);
}

TEST(backup_overwrites_nothing_and_leaves_nothing_when_it_fails)
{
    struct disk disk;
    struct store_backup backup;
    struct err_detail detail = {0};
    char nowhere[128];

    disk_init(&disk);
    put(&disk, "a", "1");
    check_ok(store_shard_backup(disk.shard, disk.copy, &backup, &detail));
    check_err(store_shard_backup(disk.shard, disk.copy, &backup, &detail), ERR_PRECONDITION);
    check(access(disk.copy, F_OK) == 0);
    snprintf(nowhere, sizeof nowhere, "%s/no/such/folder", disk.other);
    check_err(store_shard_backup(disk.shard, nowhere, &backup, &detail), ERR_PRECONDITION);
    disk_close(&disk, true);

    const struct store_options options = options_of(&disk, disk.dir);
    detail = (struct err_detail){0};
    check_err(store_shard_restore(&options, SHARD, &backup, &detail), ERR_PRECONDITION);
    check(strstr(detail.text, "is there already") != NULL);
    disk_release(&disk);
}

static bool mark_is_there(const struct disk *disk)
{
    char path[128];
    sqlite3 *db;
    sqlite3_stmt *stmt;

    snprintf(path, sizeof path, "%s/test-%d.tables.db", disk->dir, SHARD);
    check(sqlite3_open(path, &db) == SQLITE_OK);
    check(sqlite3_prepare_v2(db, "SELECT 1 FROM position WHERE family = 255", -1, &stmt, NULL) ==
          SQLITE_OK);
    const bool there = sqlite3_step(stmt) == SQLITE_ROW;
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return there;
}

static void set_mark(const struct disk *disk)
{
    char path[128];
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/test-%d.tables.db", disk->dir, SHARD);
    check(sqlite3_open(path, &db) == SQLITE_OK);
    check(sqlite3_exec(db, "INSERT INTO position(family, applied_seq) VALUES(255, 1)", NULL, NULL,
                       NULL) == SQLITE_OK);
    sqlite3_close(db);
}

/* The mark of a flush that was cut short goes with the next whole one, of however many slices. */
TEST(backup_waits_for_whole_flushes)
{
    struct disk disk;
    struct store_backup backup;
    struct err_detail detail = {0};
    char key[32];

    disk_init(&disk);
    put(&disk, "a", "1");
    disk_close(&disk, true);
    set_mark(&disk);
    disk_open(&disk, disk.dir);
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        put(&disk, key, "x");
    }
    check(mark_is_there(&disk));
    check_ok(store_shard_backup(disk.shard, disk.copy, &backup, &detail));
    check(!mark_is_there(&disk));
    disk_close(&disk, true);
    disk_release(&disk);
}

TEST(tables_are_read_while_the_shard_is_open)
{
    struct disk disk;
    struct err_detail detail = {0};
    struct wanted first = {"a", "1"}, second = {"b", NULL};
    int64_t seq;

    disk_init(&disk);
    put(&disk, "a", "1");
    check_ok(store_shard_flush(disk.shard));
    put(&disk, "b", "2"); /* in memory */
    const struct store_options options = options_of(&disk, disk.dir);
    check_ok(store_tables_read(&options, SHARD, expect, &first, &seq, &detail));
    check_i64(seq, store_staged_seq(disk.shard) - 1);
    check_ok(store_tables_read(&options, SHARD, expect, &second, NULL, &detail));
    check_err(store_tables_read(&options, SHARD + 1, expect, &first, &seq, &detail), ERR_NOT_FOUND);
    put(&disk, "c", "3"); /* nothing of the shard's was disturbed */
    disk_close(&disk, true);
    disk_release(&disk);
}

struct aside { /* a job of another lane than reads */
    struct store_read_job job;
    int runs, dones;
    enum err err;
};

static enum err aside_run(struct store_snapshot *snapshot, void *arg)
{
    struct aside *aside = arg;

    check(snapshot == NULL);
    aside->runs++;
    return ERR_OK;
}

static void aside_done(void *arg, enum err err)
{
    struct aside *aside = arg;

    aside->dones++;
    aside->err = err;
}

static void aside_post(struct disk *disk, struct aside *aside, enum store_lane lane)
{
    *aside =
        (struct aside){.job = {.lane = lane, .read = aside_run, .done = aside_done, .arg = aside}};
    store_read(disk->shard, &aside->job);
}

/* Who gives a shard away waits for no copies: those that wait, run, or come too late end. */
TEST(a_shard_that_is_released_ends_its_copies_and_flushes_for_others)
{
    struct disk disk;
    struct store_backup backup;
    struct err_detail detail = {0};
    struct aside before, waiting, late;

    disk_init(&disk);
    put(&disk, "a", "1");
    aside_post(&disk, &before, STORE_LANE_COPY);
    while (!before.dones)
        check(store_step(disk.store));
    check(before.runs == 1 && before.err == ERR_OK);

    check_ok(store_backup_begin(disk.shard, &backup, &detail));
    aside_post(&disk, &waiting, STORE_LANE_FLUSH);
    store_shard_releasing(disk.shard);
    aside_post(&disk, &late, STORE_LANE_COPY);
    check_err(store_backup_copy(disk.shard, &backup, disk.copy, &detail), ERR_CANCELED);
    store_backup_end(disk.shard, &backup);
    check(access(disk.copy, F_OK) != 0);
    while (!waiting.dones || !late.dones)
        check(store_step(disk.store));
    check(waiting.runs == 0 && late.runs == 0);
    check_err(waiting.err, ERR_CANCELED);
    check_err(late.err, ERR_CANCELED);
    check_row(&disk, "a", "1"); /* reads go on until it closes */
    disk_close(&disk, true);
    disk_release(&disk);
}
