/* store_threads_test.c - the store with its threads and a loop, and a process that is killed in
 * the middle of its commits. Every wait has a deadline. */
#include "common/store/store.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_S = 60, SHARDS = 2 };

static const struct log quiet = {.level = LOG_ERROR + 1, .fd = 2};

static void make_dir(char *dir, size_t size)
{
    snprintf(dir, size, "/tmp/gnomon-store-threads-XXXXXX");
    must(mkdtemp(dir) != NULL);
}

static void remove_dir(const char *dir)
{
    char command[512];

    snprintf(command, sizeof command, "rm -r '%s'", dir);
    must(system(command) == 0);
}

static struct store *open_store(const char *dir, const char *backend, bool manual)
{
    const struct store_options options = {.backend = backend,
                                          .dir = dir,
                                          .service = "test",
                                          .clock = &clock_real,
                                          .log = &quiet,
                                          .commit_threads = SHARDS,
                                          .manual = manual};
    struct err_detail detail;
    struct store *store = NULL;
    const enum err err = store_open(&options, &store, &detail);

    if (err != ERR_OK)
        test_failed(__FILE__, __LINE__, "open: %s", detail.text);
    must(err == ERR_OK);
    return store;
}

/* Both rows of a transition have its number: a snapshot must see them alike. */
static enum err stage_pair(struct store_shard *shard, int64_t n, size_t padding, int64_t *seq)
{
    static uint8_t value[64 * 1024];
    uint8_t number[8];
    struct store_op ops[3] = {
        {.kind = STORE_PUT, .key = SLICE_LIT("a"), .value = slice_of(number, 8)},
        {.kind = STORE_PUT, .key = SLICE_LIT("padding"), .value = slice_of(value, padding)},
        {.kind = STORE_PUT, .key = SLICE_LIT("z"), .value = slice_of(number, 8)}};

    be64_put(number, (uint64_t)n);
    return store_stage(shard, ops, COUNT_OF(ops), false, seq);
}

struct pair {
    int64_t a, z;
};

static enum err read_pair(struct store_snapshot *snapshot, void *arg)
{
    struct pair *pair = arg;
    struct arena arena;
    struct slice value;
    bool found;

    arena_init(&arena);
    pair->a = pair->z = 0;
    enum err err = store_get(snapshot, STORE_MAIN, SLICE_LIT("a"), &arena, &value, &found);
    if (err == ERR_OK && found && value.len == 8)
        pair->a = (int64_t)be64_get(value.ptr);
    if (err == ERR_OK)
        err = store_get(snapshot, STORE_MAIN, SLICE_LIT("z"), &arena, &value, &found);
    if (err == ERR_OK && found && value.len == 8)
        pair->z = (int64_t)be64_get(value.ptr);
    arena_release(&arena);
    return err;
}

/* -- a loop, two shards, writers and readers ------------------------------------------------ */

enum { TRANSITIONS = 600 };

struct actor { /* of one shard; the loop's thread only */
    struct stage *stage;
    struct store_shard *shard;
    int64_t staged, durable_n, durable_seq, reads, seqs[TRANSITIONS + 1];
    struct store_read_job job;
    struct pair pair;
    int64_t read_from; /* durable when the read was posted */
    bool reading, done;
};

struct stage {
    struct loop *loop;
    struct store *store;
    struct actor actors[SHARDS];
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    bool has_ended;
};

static void post_read(struct actor *actor);

static void maybe_end(struct stage *stage)
{
    for (int i = 0; i < SHARDS; i++)
        if (stage->actors[i].reading || stage->actors[i].durable_n < TRANSITIONS)
            return;
    for (int i = 0; i < SHARDS; i++)
        if (stage->actors[i].shard)
            store_shard_close(stage->actors[i].shard, i == 0);
    for (int i = 0; i < SHARDS; i++)
        stage->actors[i].shard = NULL;
    pthread_mutex_lock(&stage->mutex);
    stage->has_ended = true;
    pthread_cond_signal(&stage->ended);
    pthread_mutex_unlock(&stage->mutex);
}

static void go_on(struct actor *actor)
{
    while (actor->staged < TRANSITIONS && actor->staged < actor->durable_n + 20) {
        const int64_t n = actor->staged + 1;
        const enum err err = stage_pair(actor->shard, n, 30 * 1024, &actor->seqs[n]);

        if (err == ERR_BUSY)
            break; /* the next record that becomes durable goes on */
        check_ok(err);
        actor->staged = n;
    }
}

static void on_durable(void *arg, int64_t seq)
{
    struct actor *actor = arg;

    check(seq > actor->durable_seq);
    actor->durable_seq = seq;
    while (actor->durable_n < actor->staged && actor->seqs[actor->durable_n + 1] <= seq)
        actor->durable_n++;
    go_on(actor);
    if (!actor->reading)
        post_read(actor);
}

static void on_lost(void *arg, enum err err)
{
    UNUSED(arg);
    test_failed(__FILE__, __LINE__, "lost: %s", err_name(err));
}

static void on_read(void *arg, enum err err)
{
    struct actor *actor = arg;

    actor->reading = false;
    check_ok(err);
    check_i64(actor->pair.a, actor->pair.z);
    check(actor->pair.a >= actor->read_from);
    actor->reads++;
    if (actor->durable_n < TRANSITIONS) {
        go_on(actor);
        post_read(actor);
    } else {
        maybe_end(actor->stage);
    }
}

static enum err read_actor(struct store_snapshot *snapshot, void *arg)
{
    return read_pair(snapshot, &((struct actor *)arg)->pair);
}

static void post_read(struct actor *actor)
{
    actor->reading = true;
    actor->read_from = actor->durable_n;
    actor->job = (struct store_read_job){.read = read_actor, .done = on_read, .arg = actor};
    store_read(actor->shard, &actor->job);
}

static void start_actor(void *arg)
{
    struct stage *stage = arg;

    for (uint32_t i = 0; i < SHARDS; i++) {
        struct actor *actor = &stage->actors[i];
        const struct store_shard_callbacks callbacks = {on_durable, on_lost, actor};

        actor->stage = stage;
        check_ok(store_shard_open(stage->store, i, stage->loop, &callbacks, &actor->shard, NULL));
        go_on(actor);
    }
}

static void run_stage(const char *backend)
{
    char dir[64];
    struct stage *stage = calloc(1, sizeof *stage);
    struct timespec until;

    must(stage != NULL);
    make_dir(dir, sizeof dir);
    pthread_mutex_init(&stage->mutex, NULL);
    pthread_cond_init(&stage->ended, NULL);
    stage->store = open_store(dir, backend, false);
    stage->loop = loop_new("store-test");
    loop_start(stage->loop);
    loop_post_fn(stage->loop, start_actor, stage);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DEADLINE_S;
    pthread_mutex_lock(&stage->mutex);
    int code = 0;
    while (!stage->has_ended && code == 0)
        code = pthread_cond_timedwait(&stage->ended, &stage->mutex, &until);
    must(stage->has_ended);
    pthread_mutex_unlock(&stage->mutex);
    loop_stop(stage->loop);
    loop_join(stage->loop);
    loop_free(stage->loop);
    store_close(stage->store);
    for (int i = 0; i < SHARDS; i++)
        check(stage->actors[i].reads > 0);
    remove_dir(dir);
    pthread_cond_destroy(&stage->ended);
    pthread_mutex_destroy(&stage->mutex);
    free(stage);
}

TEST(threads_sqlite)
{
    run_stage("sqlite");
}

TEST(threads_memory)
{
    run_stage("memory");
}

/* -- a taker waits for an owner that goes ---------------------------------------------------- */

static void *take_shard(void *arg)
{
    const struct store_shard_callbacks callbacks = {on_durable, on_lost, NULL};
    struct stage *stage = arg;
    struct err_detail detail = {.text = ""};
    const enum err err = store_shard_open(stage->store, 0, stage->loop, &callbacks,
                                          &stage->actors[0].shard, &detail);

    if (err != ERR_OK)
        test_failed(__FILE__, __LINE__, "taker: %s", detail.text);
    return NULL;
}

TEST(a_taker_waits_for_an_owner_that_goes)
{
    char dir[64];
    const struct store_shard_callbacks callbacks = {on_durable, on_lost, NULL};
    struct stage *stage = calloc(1, sizeof *stage);
    struct store_shard *shard;
    pthread_t taker;

    must(stage != NULL);
    make_dir(dir, sizeof dir);
    struct store *owner = open_store(dir, "sqlite", true);
    check_ok(store_shard_open(owner, 0, NULL, &callbacks, &shard, NULL));
    stage->store = open_store(dir, "sqlite", false);
    stage->loop = loop_new("taker");
    must(pthread_create(&taker, NULL, take_shard, stage) == 0);
    store_shard_close(shard, false);
    pthread_join(taker, NULL);
    if (stage->actors[0].shard)
        store_shard_close(stage->actors[0].shard, true);
    store_close(owner);
    store_close(stage->store);
    loop_free(stage->loop);
    remove_dir(dir);
    free(stage);
}

/* -- kill -9 -------------------------------------------------------------------------------- */

struct victim {
    int64_t durable;
};

static void victim_durable(void *arg, int64_t seq)
{
    ((struct victim *)arg)->durable = seq;
}

static void victim_lost(void *arg, enum err err)
{
    UNUSED(arg);
    UNUSED(err);
    _exit(3);
}

static struct store_shard *open_victim(struct store *store, struct victim *victim)
{
    const struct store_shard_callbacks callbacks = {victim_durable, victim_lost, victim};
    struct err_detail detail = {.text = ""};
    struct store_shard *shard = NULL;
    enum err err = ERR_FENCED;

    /* Manual mode does not wait for a predecessor that is dying: this does. */
    for (int i = 0; i < 1000 && err == ERR_FENCED; i++) {
        err = store_shard_open(store, 0, NULL, &callbacks, &shard, &detail);
        if (err == ERR_FENCED)
            poll(NULL, 0, 5);
    }
    if (err != ERR_OK)
        test_failed(__FILE__, __LINE__, "open: %s", detail.text);
    must(err == ERR_OK);
    return shard;
}

/* Commits and reports what is durable until it is killed. */
static _Noreturn void be_victim(const char *dir, int64_t n, int out)
{
    struct victim victim = {0};
    struct store *store = open_store(dir, "sqlite", true);
    struct store_shard *shard = open_victim(store, &victim);

    for (;;) {
        int64_t seq;

        n++;
        if (stage_pair(shard, n, 20 * 1024, &seq) != ERR_OK)
            _exit(4);
        while (victim.durable < seq)
            if (!store_step(store))
                _exit(5);
        if (write(out, &n, sizeof n) != sizeof n)
            _exit(6);
        if (n % 30 == 0 && store_shard_flush(shard) != ERR_OK)
            _exit(7);
    }
}

/* The last number reported before the kill, which comes after `reports` of them. */
static int64_t kill_one(const char *dir, int64_t n, int reports)
{
    int fds[2];
    int64_t last = n, got;
    int status;

    must(pipe(fds) == 0);
    const pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        be_victim(dir, n, fds[1]);
    }
    close(fds[1]);
    for (int i = 0;; i++) {
        struct pollfd ready = {.fd = fds[0], .events = POLLIN};

        if (i == reports)
            kill(pid, SIGKILL);
        must(poll(&ready, 1, DEADLINE_S * 1000) == 1);
        if (read(fds[0], &got, sizeof got) != sizeof got)
            break;
        last = got;
    }
    close(fds[0]);
    must(waitpid(pid, &status, 0) == pid);
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return last;
}

TEST(killed_in_the_middle_of_commits)
{
    char dir[64];
    int64_t n = 0;

    make_dir(dir, sizeof dir);
    for (int round = 0; round < 12; round++) {
        const int64_t acked = kill_one(dir, n, 7 + 11 * round);
        struct victim victim = {0};
        struct pair pair;
        struct store *store = open_store(dir, "sqlite", true);
        struct store_shard *shard = open_victim(store, &victim);

        check_ok(store_read_now(shard, read_pair, &pair));
        check_i64(pair.a, pair.z);
        check(pair.a == acked || pair.a == acked + 1); /* one may have been on its way */
        n = pair.a;
        store_shard_close(shard, round % 3 == 0);
        store_close(store);
    }
    remove_dir(dir);
}
