/* cluster_test.c - two handles on one file stand for two processes. */
#include "common/cluster/cluster.h"

#include "common/proto/wire.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ID_A "11111111-1111-4111-8111-111111111111"
#define ID_B "22222222-2222-4222-8222-222222222222"

static struct log quiet = {.level = LOG_ERROR + 1, .fd = 2};

struct folder {
    char root[64], data[96];
};

static void folder_make(struct folder *folder)
{
    snprintf(folder->root, sizeof folder->root, "/tmp/gnomon-cluster-XXXXXX");
    check(mkdtemp(folder->root) != NULL);
    snprintf(folder->data, sizeof folder->data, "%s/a/b", folder->root);
}

static void folder_remove(struct folder *folder)
{
    static const char *const files[] = {
        "a/b/cluster.db", "a/b/cluster.db-wal", "a/b/cluster.db-shm", "a/b", "a", ""};
    char path[160];

    for (size_t i = 0; i < COUNT_OF(files); i++) {
        snprintf(path, sizeof path, "%s/%s", folder->root, files[i]);
        remove(path);
    }
}

static struct cluster *open_at(struct folder *folder, const struct clock *clock)
{
    struct cluster *cluster = NULL;
    struct err_detail detail = {0};

    check_ok(cluster_open(folder->data, clock, &quiet, &cluster, &detail));
    check_str(detail.text, "");
    return cluster;
}

static struct namespace_info namespace_of(const char *id, const char *name)
{
    struct namespace_info ns = {.name = name,
                                .retention_s = 86400,
                                .info = SLICE_LIT("info\0bytes"),
                                .config = SLICE_EMPTY};

    snprintf(ns.id, sizeof ns.id, "%s", id);
    return ns;
}

static enum err by_name(struct cluster *cluster, const char *name, struct namespace_info *out)
{
    const struct namespace_info *ns;
    const enum err err = cluster_namespace_by_name(cluster, slice_str(name), &ns);

    if (err == ERR_OK) {
        *out = *ns; /* its slices are not looked at after the unref */
        cluster_namespace_unref(ns);
    }
    return err;
}

TEST(cluster_creates_and_finds_again)
{
    struct folder folder;
    struct fake_clock fake;
    const struct namespace_info *ns;
    char id[UUID_TEXT_LEN + 1];

    folder_make(&folder);
    fake_clock_init(&fake, NS_PER_S);
    struct cluster *cluster = open_at(&folder, &fake.clock);
    const struct namespace_info a = namespace_of(ID_A, "alpha");
    check_ok(cluster_namespace_create(cluster, &a));
    check_i64(cluster_version(cluster), 2);
    snprintf(id, sizeof id, "%s", cluster_id(cluster));
    cluster_close(cluster);

    cluster = open_at(&folder, &fake.clock);
    check_str(cluster_id(cluster), id);
    check_ok(cluster_namespace_by_id(cluster, slice_str(ID_A), &ns));
    check_str(ns->name, "alpha");
    check_str(ns->id, ID_A);
    check_i64(ns->retention_s, 86400);
    check_i64(ns->version, 1);
    check_slice(ns->info, a.info);
    check_i64(ns->config.len, 0);
    check(!ns->is_global);
    cluster_close(cluster); /* the reference outlives it */
    check_str(ns->name, "alpha");
    cluster_namespace_unref(ns);
    cluster_namespace_unref(NULL);
    cluster_close(NULL);
    folder_remove(&folder);
}

TEST(cluster_refuses_a_taken_name_or_id)
{
    struct folder folder;

    folder_make(&folder);
    struct cluster *one = open_at(&folder, &clock_real), *two = open_at(&folder, &clock_real);
    const struct namespace_info a = namespace_of(ID_A, "alpha"), b = namespace_of(ID_B, "alpha"),
                                c = namespace_of(ID_A, "gamma");
    check_ok(cluster_namespace_create(one, &a));
    check_err(cluster_namespace_create(two, &b), ERR_EXISTS);
    check_err(cluster_namespace_create(two, &c), ERR_EXISTS);
    check_i64(cluster_version(one), 2); /* a refused write changes nothing */
    cluster_close(one);
    cluster_close(two);
    folder_remove(&folder);
}

TEST(cluster_updates_by_compare_and_swap)
{
    struct folder folder;
    struct namespace_info mine, theirs, seen;

    folder_make(&folder);
    struct cluster *one = open_at(&folder, &clock_real), *two = open_at(&folder, &clock_real);
    const struct namespace_info a = namespace_of(ID_A, "alpha");
    check_ok(cluster_namespace_create(one, &a));
    check_ok(by_name(one, "alpha", &mine));
    check_ok(by_name(two, "alpha", &theirs));
    mine.info = theirs.info = SLICE_LIT("changed");
    mine.config = theirs.config = SLICE_EMPTY;
    mine.name = theirs.name = "alpha";
    mine.retention_s = 7;
    check_ok(cluster_namespace_update(one, &mine));
    check_err(cluster_namespace_update(two, &theirs), ERR_ABORTED);
    check_ok(by_name(one, "alpha", &seen));
    check_i64(seen.retention_s, 7);
    check_i64(seen.version, 2);
    check_ok(by_name(two, "alpha", &seen)); /* a stale copy ... */
    check_i64(seen.version, 1);
    cluster_saw_version(two, cluster_version(one)); /* ... until somebody names a newer version */
    check_ok(by_name(two, "alpha", &seen));
    check_i64(seen.retention_s, 7);
    check_i64(seen.version, 2);
    cluster_close(one);
    cluster_close(two);
    folder_remove(&folder);
}

TEST(cluster_reads_an_unknown_name_through_at_most_every_100_ms)
{
    struct folder folder;
    struct fake_clock fake;
    struct namespace_info seen;

    folder_make(&folder);
    fake_clock_init(&fake, NS_PER_S);
    struct cluster *one = open_at(&folder, &fake.clock), *two = open_at(&folder, &fake.clock);
    check_err(by_name(two, "alpha", &seen), ERR_NOT_FOUND);
    const struct namespace_info a = namespace_of(ID_A, "alpha"), b = namespace_of(ID_B, "beta");
    check_ok(cluster_namespace_create(one, &a));
    check_err(by_name(two, "alpha", &seen), ERR_NOT_FOUND);
    fake.now_ns += 100 * NS_PER_MS;
    check_ok(by_name(two, "alpha", &seen));
    check_ok(cluster_namespace_create(one, &b));
    check_ok(by_name(two, "beta", &seen)); /* another name is asked for at once */
    cluster_saw_version(two, 1000);        /* nobody has that one: no harm */
    cluster_saw_version(two, 1000);
    check_i64(cluster_version(two), 3);
    cluster_close(one);
    cluster_close(two);
    folder_remove(&folder);
}

struct names {
    char text[256];
    int stop_after;
};

static bool add_name(void *arg, const struct namespace_info *ns)
{
    struct names *names = arg;

    strncat(names->text, ns->name, sizeof names->text - strlen(names->text) - 1);
    strncat(names->text, " ", sizeof names->text - strlen(names->text) - 1);
    return --names->stop_after != 0;
}

static enum err let_some_in(void *arg)
{
    int *left = arg;

    return (*left)-- > 0 ? ERR_OK : ERR_BUSY;
}

TEST(cluster_asks_before_it_looks_for_an_unknown_name)
{
    struct folder folder;
    struct fake_clock fake;
    struct namespace_info seen;
    int left = 1;

    folder_make(&folder);
    fake_clock_init(&fake, NS_PER_S);
    struct cluster *cluster = open_at(&folder, &fake.clock);
    const struct namespace_info ns = namespace_of(ID_A, "alpha");
    check_ok(cluster_namespace_create(cluster, &ns));
    cluster_on_miss(cluster, let_some_in, &left);
    check_err(by_name(cluster, "beta", &seen), ERR_NOT_FOUND);
    check_err(by_name(cluster, "beta", &seen), ERR_NOT_FOUND); /* known not to be there */
    check_err(by_name(cluster, "gamma", &seen), ERR_BUSY);
    check_err(by_name(cluster, "gamma", &seen), ERR_BUSY); /* nobody has looked yet */
    check_ok(by_name(cluster, "alpha", &seen));            /* is in memory */
    left = 1;
    check_err(by_name(cluster, "gamma", &seen), ERR_NOT_FOUND);
    cluster_close(cluster);
    folder_remove(&folder);
}

TEST(cluster_lists_in_order_of_name)
{
    static const char *const all[] = {"delta", "alpha", "charlie", "bravo"};
    static const struct {
        const char *after;
        uint32_t limit;
        int stop_after;
        const char *want;
    } cases[] = {
        {"", 10, 0, "alpha bravo charlie delta "},
        {"", 2, 0, "alpha bravo "},
        {"bravo", 10, 0, "charlie delta "},
        {"bz", 10, 0, "charlie delta "},
        {"delta", 10, 0, ""},
        {"", 10, 1, "alpha "},
    };
    struct folder folder;
    char id[] = ID_A;

    folder_make(&folder);
    struct cluster *cluster = open_at(&folder, &clock_real);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        id[0] = (char)('4' + i);
        const struct namespace_info ns = namespace_of(id, all[i]);
        check_ok(cluster_namespace_create(cluster, &ns));
    }
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct names names = {.stop_after = cases[i].stop_after};

        check_ok(cluster_namespaces(cluster, slice_str(cases[i].after), cases[i].limit, add_name,
                                    &names));
        check_str(names.text, cases[i].want);
    }
    cluster_close(cluster);
    folder_remove(&folder);
}

static void *open_and_create(void *arg)
{
    struct folder *folder = arg;
    struct cluster *cluster = open_at(folder, &clock_real);
    const struct namespace_info a = namespace_of(ID_A, "alpha");
    const enum err err = cluster ? cluster_namespace_create(cluster, &a) : ERR_IO;

    cluster_close(cluster);
    return (void *)(uintptr_t)err;
}

TEST(cluster_first_start_of_four_processes_at_once)
{
    pthread_t threads[4];
    struct folder folder;
    int created = 0;

    folder_make(&folder);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        check(pthread_create(&threads[i], NULL, open_and_create, &folder) == 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *result;

        pthread_join(threads[i], &result);
        created += (enum err)(uintptr_t)result == ERR_OK;
        check((enum err)(uintptr_t)result == ERR_OK || (enum err)(uintptr_t)result == ERR_EXISTS);
    }
    check_i64(created, 1);
    folder_remove(&folder);
}

TEST(cluster_pins_the_first_value)
{
    struct folder folder;
    int64_t recorded = 0;

    folder_make(&folder);
    struct cluster *cluster = open_at(&folder, &clock_real);
    check_ok(cluster_pin(cluster, "history.shards", 4, &recorded));
    check_i64(recorded, 4);
    check_ok(cluster_pin(cluster, "history.shards", 8, &recorded));
    check_i64(recorded, 4);
    check_ok(cluster_pin(cluster, "other", 7, &recorded));
    check_i64(recorded, 7);
    cluster_close(cluster);

    cluster = open_at(&folder, &clock_real);
    check_ok(cluster_pin(cluster, "history.shards", 16, &recorded));
    check_i64(recorded, 4);
    cluster_close(cluster);
    folder_remove(&folder);
}

/* A NamespaceConfig whose custom_search_attribute_aliases (7) have Keyword01 under a name. */
static struct slice config_with(struct buf *buf, const char *name)
{
    struct buf entry;

    buf_init(&entry, 0);
    buf_init(buf, 0);
    wire_put_str(&entry, 1, "Keyword01");
    wire_put_str(&entry, 2, name);
    wire_put_bytes(buf, 7, buf_slice(&entry));
    buf_release(&entry);
    return buf_slice(buf);
}

TEST(cluster_reads_a_search_attribute_through_that_another_process_has_added)
{
    const struct slice alpha = SLICE_LIT("alpha");
    struct folder folder;
    struct fake_clock fake;
    struct buf config;

    folder_make(&folder);
    fake_clock_init(&fake, NS_PER_S);
    struct cluster *one = open_at(&folder, &fake.clock), *two = open_at(&folder, &fake.clock);
    struct namespace_info ns = namespace_of(ID_A, "alpha");
    check_ok(cluster_namespace_create(one, &ns));
    check(cluster_search_type(two, alpha, "Mine") == NULL); /* and knows the namespace by now */
    ns.version = 1;
    ns.config = config_with(&config, "Mine");
    check_ok(cluster_namespace_update(one, &ns));
    check_str(cluster_search_type(one, alpha, "Mine"), "Keyword");
    check(cluster_search_type(two, alpha, "Mine") == NULL);  /* it was looked for a moment ago */
    check(cluster_search_type(two, alpha, "Other") == NULL); /* this one was not */
    check_str(cluster_search_type(two, alpha, "Mine"), "Keyword");
    buf_release(&config);
    ns.version = 2;
    ns.config = config_with(&config, "Other");
    check_ok(cluster_namespace_update(one, &ns));
    check(cluster_search_type(two, alpha, "Other") == NULL);
    fake.now_ns += 100 * NS_PER_MS;
    check_str(cluster_search_type(two, alpha, "Other"), "Keyword");
    check(cluster_search_type(two, alpha, "Mine") == NULL);
    check(cluster_search_type(two, SLICE_LIT("nobody"), "Mine") == NULL);
    buf_release(&config);
    cluster_close(one);
    cluster_close(two);
    folder_remove(&folder);
}

TEST(cluster_is_not_made_anew_beside_shards)
{
    struct folder folder;
    struct cluster *cluster;
    struct err_detail detail = {0};
    char path[160], shard[160];

    folder_make(&folder);
    cluster_close(open_at(&folder, &clock_real));
    snprintf(path, sizeof path, "%s/cluster.db", folder.data);
    snprintf(shard, sizeof shard, "%s/history-0.tables.db", folder.data);
    const int fd = open(shard, O_WRONLY | O_CREAT, 0600);
    check(fd >= 0);
    close(fd);
    cluster_close(open_at(&folder, &clock_real)); /* both are there */
    check(truncate(path, 0) == 0);
    for (int i = 0; i < 2; i++) { /* emptied, then gone */
        check_err(cluster_open(folder.data, &clock_real, &quiet, &cluster, &detail),
                  ERR_PRECONDITION);
        check(cluster == NULL);
        check(strstr(detail.text, "bring it back from a backup") != NULL);
        check(unlink(path) == 0);
    }
    check(unlink(shard) == 0);
    cluster_close(open_at(&folder, &clock_real));
    folder_remove(&folder);
}

TEST(cluster_refuses_what_it_does_not_know)
{
    struct folder folder;
    struct cluster *cluster;
    struct err_detail detail = {0};
    char path[160];
    sqlite3 *db;

    folder_make(&folder);
    cluster_close(open_at(&folder, &clock_real));
    snprintf(path, sizeof path, "%s/cluster.db", folder.data);
    check(sqlite3_open(path, &db) == SQLITE_OK);
    check(sqlite3_exec(db, "UPDATE meta SET value = 99 WHERE key = 'schema_version'", NULL, NULL,
                       NULL) == SQLITE_OK);
    sqlite3_close(db);
    check_err(cluster_open(folder.data, &clock_real, &quiet, &cluster, &detail), ERR_PRECONDITION);
    check(cluster == NULL);
    check(strstr(detail.text, "schema version 99, this program knows 1") != NULL);

    const int fd = open(path, O_WRONLY | O_TRUNC);
    check(fd >= 0 && write(fd, "this is no database at all, only text", 37) == 37);
    close(fd);
    check_err(cluster_open(folder.data, &clock_real, &quiet, &cluster, &detail), ERR_CORRUPT);
    check(cluster == NULL);
    check_err(cluster_open("/dev/null/x", &clock_real, &quiet, &cluster, &detail), ERR_IO);
    check(strstr(detail.text, "/dev/null") != NULL);
    folder_remove(&folder);
}

/* -- the assignment map --------------------------------------------------------------------- */

TEST(cluster_placement_is_swapped_by_version_only)
{
    struct folder folder;
    struct fake_clock fake;
    struct arena arena;
    struct cluster_placement row;
    const struct cluster_placement first = {
        .leader = UINT64_MAX, .term = 1, .version = 1, .map = SLICE_LIT("one\0map")};
    const struct cluster_placement second = {
        .leader = 7, .term = 2, .version = 2, .map = SLICE_LIT("another")};

    folder_make(&folder);
    fake_clock_init(&fake, NS_PER_S);
    arena_init(&arena);
    struct cluster *a = open_at(&folder, &fake.clock), *b = open_at(&folder, &fake.clock);
    const int64_t before = cluster_version(a);

    check_ok(cluster_placement_read(a, &arena, &row));
    check_i64(row.version, 0);
    check_ok(cluster_placement_swap(a, 0, &first));
    check_err(cluster_placement_swap(b, 0, &first), ERR_ABORTED);
    check_ok(cluster_placement_read(b, &arena, &row));
    check(row.leader == UINT64_MAX);
    check_i64(row.term, 1);
    check_i64(row.version, 1);
    check_slice(row.map, first.map);

    check_ok(cluster_placement_swap(b, 1, &second));
    check_err(cluster_placement_swap(a, 1, &second), ERR_ABORTED);
    check_ok(cluster_placement_read(a, &arena, &row));
    check_slice(row.map, second.map);
    /* The version in every envelope tells of it. */
    cluster_saw_version(a, before + 2);
    check_i64(cluster_version(a), before + 2);
    cluster_close(a);
    cluster_close(b);
    arena_release(&arena);
    folder_remove(&folder);
}

enum { RACERS = 4, ROUNDS = 25 };

struct racer {
    struct cluster *cluster;
    size_t won;
};

static void *race(void *arg)
{
    struct racer *racer = arg;

    for (int64_t version = 0; version < ROUNDS; version++) {
        const struct cluster_placement next = {
            .leader = 1, .term = 1, .version = version + 1, .map = SLICE_LIT("map")};
        enum err err;

        while ((err = cluster_placement_swap(racer->cluster, version, &next)) == ERR_UNAVAILABLE)
            continue;
        check(err == ERR_OK || err == ERR_ABORTED);
        racer->won += err == ERR_OK;
    }
    return NULL;
}

TEST(cluster_placement_has_one_winner_per_version)
{
    struct folder folder;
    struct fake_clock fake;
    struct racer racers[RACERS] = {{0}};
    pthread_t threads[RACERS];
    size_t won = 0;

    folder_make(&folder);
    fake_clock_init(&fake, NS_PER_S);
    for (size_t i = 0; i < RACERS; i++)
        racers[i].cluster = open_at(&folder, &fake.clock);
    for (size_t i = 0; i < RACERS; i++)
        check(pthread_create(&threads[i], NULL, race, &racers[i]) == 0);
    for (size_t i = 0; i < RACERS; i++) {
        check(pthread_join(threads[i], NULL) == 0);
        won += racers[i].won;
        cluster_close(racers[i].cluster);
    }
    check_i64(won, ROUNDS);
    folder_remove(&folder);
}

TEST(cluster_keeps_what_is_set_for_task_queues)
{
    struct folder folder;
    struct fake_clock fake;
    struct arena arena;
    struct cluster_queue queue = {.namespace_id = SLICE_LIT("ns"), .name = SLICE_LIT("q")};

    folder_make(&folder);
    fake_clock_init(&fake, NS_PER_S);
    arena_init(&arena);
    struct cluster *cluster = open_at(&folder, &fake.clock);
    struct cluster *other = open_at(&folder, &fake.clock);
    check_ok(cluster_queue_read(cluster, &arena, &queue));
    check_i64(queue.version, 0);
    queue.data = SLICE_LIT("one");
    check_ok(cluster_queue_swap(cluster, &queue));
    check_err(cluster_queue_swap(other, &queue), ERR_ABORTED); /* somebody was faster */
    const int64_t before = cluster_version(other);
    check_ok(cluster_queue_read(other, &arena, &queue));
    check_i64(queue.version, 1);
    check_slice(queue.data, SLICE_LIT("one"));
    queue.data = SLICE_LIT("two");
    check_ok(cluster_queue_swap(other, &queue));
    check_err(cluster_queue_swap(cluster, &queue), ERR_ABORTED);
    cluster_saw_version(other, before + 2);
    check_i64(cluster_version(other), before + 2); /* each write raises the version */
    check_ok(cluster_queue_read(cluster, &arena, &queue));
    check_slice(queue.data, SLICE_LIT("two"));
    cluster_close(other);
    cluster_close(cluster);
    arena_release(&arena);
    folder_remove(&folder);
}

static struct cluster_deletion the_deletion(struct cluster *cluster)
{
    struct cluster_deletion list[2];
    size_t count;

    check_ok(cluster_deletions(cluster, list, COUNT_OF(list), &count));
    check_i64(count, 1);
    return list[0];
}

TEST(cluster_keeps_what_is_being_deleted_until_nothing_is_left)
{
    struct folder folder;
    struct cluster_deletion list[2];
    const struct namespace_info *there;
    size_t count;

    folder_make(&folder);
    struct cluster *cluster = open_at(&folder, &clock_real), *other = open_at(&folder, &clock_real);
    struct namespace_info ns = namespace_of(ID_A, "doomed");
    struct cluster_queue queue = {
        .namespace_id = SLICE_LIT(ID_A), .name = SLICE_LIT("q"), .data = SLICE_LIT("rate")};
    check_ok(cluster_namespace_create(cluster, &ns));
    check_ok(cluster_queue_swap(cluster, &queue));
    ns.name = "doomed-deleted";
    ns.version = 7; /* not what it is */
    check_err(cluster_namespace_doom(cluster, &ns, 5), ERR_ABORTED);
    check_ok(cluster_deletions(cluster, list, COUNT_OF(list), &count));
    check_i64(count, 0); /* both or none */
    ns.version = 1;
    check_ok(cluster_namespace_doom(cluster, &ns, 5));
    check_err(cluster_namespace_by_name(cluster, SLICE_LIT("doomed"), &there), ERR_NOT_FOUND);
    struct namespace_info heir = namespace_of(ID_B, "doomed");
    check_ok(cluster_namespace_create(other, &heir)); /* the name is free */

    struct cluster_deletion deletion = the_deletion(other);
    check_str(deletion.namespace_id, ID_A);
    check_i64(deletion.delay_ns, 5);
    check_i64(deletion.swept_ns, 0);
    ns.version = 2;
    check_ok(cluster_namespace_doom(other, &ns, 0)); /* once more, sooner */
    check_i64(the_deletion(cluster).delay_ns, 0);
    check_ok(cluster_deletion_swept(other, ID_A, 100));
    check_ok(cluster_deletion_swept(cluster, ID_A, 200)); /* the first one counts */
    check_i64(the_deletion(cluster).swept_ns, 100);

    check_ok(cluster_namespace_remove(other, ID_A));
    check_ok(cluster_namespace_remove(cluster, ID_A));
    check_ok(cluster_refresh(cluster));
    check_err(cluster_namespace_by_id(cluster, SLICE_LIT(ID_A), &there), ERR_NOT_FOUND);
    check_ok(cluster_namespace_by_id(cluster, SLICE_LIT(ID_B), &there));
    cluster_namespace_unref(there);
    check_ok(cluster_deletions(cluster, list, COUNT_OF(list), &count));
    check_i64(count, 0);
    struct arena arena;
    arena_init(&arena);
    check_ok(cluster_queue_read(cluster, &arena, &queue));
    check_i64(queue.version, 0);
    arena_release(&arena);
    cluster_close(other);
    cluster_close(cluster);
    folder_remove(&folder);
}
