/* deletions.c - see deletions.h.
 *
 * 1. One namespace at a time is swept, SHARDS_AT_ONCE shards at a time, each asked again until it
 *    has found nothing. A shard that fails has the whole sweep come again later.
 * 2. A timer looks at the cluster store: soon after a failure, when the delay of a deletion has
 *    passed, else once in LOOK_MS, for what a frontend that died has left. */
#include "frontend/deletions.h"
#include "frontend/persistence.h"

#include "common/rpc/sweep.h"

#include <stdlib.h>

enum {
    DELETIONS_MAX = 256, /* looked at at a time */
    SHARDS_AT_ONCE = 8,
    ASK_TIMEOUT_MS = 10000,
    AGAIN_MS = 1000,
    LOOK_MS = 60000,
};

struct asked {
    struct fe_deletions *deletions;
    uint32_t shard;
    uint64_t call; /* 0: none is under way */
};

struct fe_deletions {
    struct frontend *fe;
    struct fe_loop *loop;
    struct loop_timer timer;
    struct cluster_deletion found[DELETIONS_MAX];

    bool sweeping;
    char namespace_id[UUID_TEXT_LEN + 1];
    uint32_t next_shard, left; /* left: shards that are being asked */
    bool failed;
    uint64_t runs;
    struct asked asked[SHARDS_AT_ONCE];
};

static void look(void *arg);

static void look_in(struct fe_deletions *d, int64_t ms)
{
    loop_timer_start(d->loop->loop, &d->timer, ms);
}

/* -- one sweep over all shards ---------------------------------------------------------------- */

static void sweep_over(struct fe_deletions *d)
{
    enum err err = d->failed ? ERR_UNAVAILABLE : ERR_OK;

    d->sweeping = false;
    if (err == ERR_OK)
        err = cluster_deletion_swept(d->fe->cluster, d->namespace_id, clock_wall_ns(d->fe->clock));
    if (err == ERR_OK)
        log_info(d->fe->log, "nothing is left of a namespace",
                 F_STR("namespace_id", d->namespace_id), F_U64("runs", d->runs));
    look_in(d, err == ERR_OK ? 0 : AGAIN_MS);
}

static void ask(struct asked *asked);

static void answered(void *arg, enum err err, const struct err_detail *detail, struct slice body)
{
    struct asked *asked = arg;
    struct fe_deletions *d = asked->deletions;
    struct rpc_swept swept = {0};
    struct arena arena;

    UNUSED(detail);
    asked->call = 0;
    if (err == ERR_OK) {
        arena_init(&arena);
        err = rpc_swept_decode(&arena, body, &swept);
        arena_release(&arena);
    }
    d->runs += swept.found;
    d->failed = d->failed || err != ERR_OK;
    if (err == ERR_OK && swept.found > 0) {
        ask(asked);
        return;
    }
    d->left--;
    if (!d->failed && d->next_shard < (uint32_t)d->fe->config->history_shards) {
        asked->shard = d->next_shard++;
        d->left++;
        ask(asked);
    }
    if (d->left == 0)
        sweep_over(d);
}

static void ask(struct asked *asked)
{
    struct fe_deletions *d = asked->deletions;
    const struct rpc_api api = {.namespace_id = slice_str(d->namespace_id)};
    struct buf body;

    buf_init(&body, 0);
    rpc_api_encode(&api, &body);
    must(buf_ok(&body));
    const struct slice bytes = buf_slice(&body);
    asked->call =
        mesh_call(d->loop->port, MESH_SHARD(ROLE_HISTORY, asked->shard),
                  METHOD_HISTORY_SWEEP_NAMESPACE, &bytes, 1, ASK_TIMEOUT_MS, answered, asked);
    buf_release(&body);
}

static void sweep(struct fe_deletions *d, const char *namespace_id)
{
    const uint32_t shards = (uint32_t)d->fe->config->history_shards;

    memcpy(d->namespace_id, namespace_id, sizeof d->namespace_id);
    d->sweeping = true;
    d->failed = false;
    d->runs = 0;
    d->left = shards < SHARDS_AT_ONCE ? shards : SHARDS_AT_ONCE;
    d->next_shard = d->left;
    for (uint32_t i = 0; i < d->next_shard; i++) {
        d->asked[i] = (struct asked){.deletions = d, .shard = i};
        ask(&d->asked[i]);
    }
}

/* -- looking at what is to be done ------------------------------------------------------------- */

/* Takes the namespace away when its time has come; gives what is left until then. */
static int64_t finish(struct fe_deletions *d, const struct cluster_deletion *deletion,
                      int64_t now_ns)
{
    int64_t due_ns;

    if (__builtin_add_overflow(deletion->swept_ns, deletion->delay_ns, &due_ns))
        due_ns = INT64_MAX;
    if (due_ns > now_ns)
        return (due_ns - now_ns) / NS_PER_MS + 1;
    const enum err err = fe_persistence_told(
        d->fe, cluster_namespace_remove(d->fe->cluster, deletion->namespace_id));
    if (err != ERR_OK)
        return AGAIN_MS;
    log_info(d->fe->log, "a namespace is gone", F_STR("namespace_id", deletion->namespace_id));
    return LOOK_MS;
}

static void look(void *arg)
{
    struct fe_deletions *d = arg;
    const int64_t now_ns = clock_wall_ns(d->fe->clock);
    const struct cluster_deletion *to_sweep = NULL;
    int64_t wait_ms = LOOK_MS;
    size_t count;

    if (d->sweeping)
        return;
    if (cluster_deletions(d->fe->cluster, d->found, COUNT_OF(d->found), &count) != ERR_OK) {
        look_in(d, AGAIN_MS);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (d->found[i].swept_ns == 0) {
            to_sweep = to_sweep ? to_sweep : &d->found[i];
        } else {
            const int64_t left_ms = finish(d, &d->found[i], now_ns);

            wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
        }
    }
    if (to_sweep)
        sweep(d, to_sweep->namespace_id);
    else
        look_in(d, wait_ms);
}

/* -- life ---------------------------------------------------------------------------------------
 */

struct fe_deletions *fe_deletions_new(struct frontend *fe)
{
    struct fe_deletions *d = calloc(1, sizeof *d);

    must(d != NULL);
    d->fe = fe;
    d->loop = &fe->loops[0];
    d->timer = (struct loop_timer){.fire = look, .arg = d};
    look_in(d, 0);
    return d;
}

void fe_deletions_free(struct fe_deletions *d)
{
    if (!d)
        return;
    loop_timer_stop(d->loop->loop, &d->timer);
    for (size_t i = 0; i < SHARDS_AT_ONCE; i++)
        if (d->asked[i].call != 0)
            mesh_cancel(d->loop->port, d->asked[i].call);
    free(d);
}

void fe_deletions_look(struct fe_deletions *d)
{
    loop_post_fn(d->loop->loop, look, d);
}
