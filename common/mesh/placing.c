/* placing.c - see placing.h.
 *
 * 1. The thread alone has `leader`; what others have to say waits for it under `mutex`.
 * 2. A map is installed (mesh->mutex) before anybody is told of it; versions only rise.
 * 3. While the map is what the members want, the thread waits without a time. */
#include "common/mesh/placing.h"

#include "common/mesh/mesh_int.h"
#include "common/pack/record.h"
#include "common/placement/leader.h"

#include <stdlib.h>
#include <time.h>

/* Part of the wire format. */
enum news { NEWS_MAP = 1, NEWS_LEAVING = 2, NEWS_FREED = 3, NEWS_WANT = 4 };
enum { KEY_WHAT = 1, KEY_VERSION = 2, KEY_MAP = 3 };

struct mesh_placing {
    struct mesh *mesh;
    pthread_t thread;
    bool running;
    struct placement_leader leader;
    struct gauge *version, *leads;
    struct counter *published;

    pthread_mutex_t mutex; /* guards all below; innermost */
    pthread_cond_t wake;
    bool kicked, stop, stale;
    int64_t saw;   /* the highest version of the cluster store that was seen */
    int64_t above; /* a map above this version is wanted; 0: no */
    bool asked_by_us;
    bool has_told;
    struct placement_map told; /* the highest that others told since the thread last looked */
};

/* -- telling -------------------------------------------------------------------------------- */

static void tell(struct mesh *mesh, uint64_t process, enum news what, int64_t version,
                 struct slice map)
{
    const struct envelope envelope = {.kind = ENVELOPE_PLACE, .shard = MESH_NO_SHARD};
    struct rec_writer w;
    struct buf body;

    buf_init(&body, 0);
    rec_begin(&w, &body);
    rec_put_u64(&w, KEY_WHAT, what);
    rec_put_i64(&w, KEY_VERSION, version);
    if (map.len)
        rec_put_bytes(&w, KEY_MAP, map);
    rec_end(&w);
    must(buf_ok(&body));
    const struct slice bytes = buf_slice(&body);
    /* What is lost is found out: by the version in every message, or by the row. */
    (void)mesh_post(mesh, process, &envelope, &bytes, 1);
    buf_release(&body);
}

static void tell_all(struct mesh *mesh, enum news what, int64_t version, struct slice map)
{
    uint64_t processes[MEMBERS_MAX];

    pthread_mutex_lock(&mesh->mutex);
    const size_t count = mesh->peer_count;
    for (size_t i = 0; i < count; i++)
        processes[i] = mesh->peers[i]->member.process;
    pthread_mutex_unlock(&mesh->mutex);
    for (size_t i = 0; i < count; i++)
        tell(mesh, processes[i], what, version, map);
}

static void tell_map(struct mesh_placing *placing)
{
    struct buf bytes;

    buf_init(&bytes, 0);
    placement_encode(&placing->leader.map, &bytes);
    must(buf_ok(&bytes));
    tell_all(placing->mesh, NEWS_MAP, placing->leader.map.version, buf_slice(&bytes));
    buf_release(&bytes);
}

/* -- what the thread does ------------------------------------------------------------------- */

static void look_around(struct mesh_placing *placing)
{
    struct mesh *mesh = placing->mesh;
    struct placement_member live[MEMBERS_MAX + 1];
    uint32_t count = 0;

    pthread_mutex_lock(&mesh->mutex);
    live[count++] = (struct placement_member){
        .process = mesh->self, .role = (uint32_t)mesh->options.role, .leaving = mesh->leaving};
    for (size_t i = 0; i < mesh->peer_count; i++)
        if (mesh->peers[i]->member.role != ROLE_TOOL)
            live[count++] = (struct placement_member){.process = mesh->peers[i]->member.process,
                                                      .role = mesh->peers[i]->member.role,
                                                      .leaving = mesh->peers[i]->leaving};
    pthread_mutex_unlock(&mesh->mutex);
    placement_members(&placing->leader, live, count);
}

/* The map is newer than what the mesh serves from. */
static void install(struct mesh_placing *placing)
{
    struct mesh *mesh = placing->mesh;
    const struct placement_map *map = &placing->leader.map;
    const uint32_t role = (uint32_t)mesh->options.role;
    uint32_t ours = 0;

    for (uint32_t shard = 0; shard < map->shard_count[role]; shard++)
        ours += map->owners[role][shard] == mesh->self;
    pthread_mutex_lock(&mesh->mutex);
    must(map->version > mesh->map_version);
    mesh->map_version = map->version;
    mesh->placed = placing->leader.shard_count[role] == 0 || placement_has_member(map, mesh->self);
    for (uint32_t r = 0; r < ROLE_COUNT; r++)
        for (uint32_t shard = 0; shard < MESH_SHARDS_MAX; shard++)
            mesh->owners[r][shard] = placement_owner(map, r, shard);
    mesh_tell_placed(mesh);
    pthread_mutex_unlock(&mesh->mutex);
    gauge_set(placing->version, map->version);
    gauge_set(placing->leads, map->leader == mesh->self);
    log_info(mesh->options.log, "placed", F_I64("version", map->version), F_I64("term", map->term),
             F_U64("leader", map->leader), F_U64("members", map->member_count),
             F_U64("shards", ours));
}

static void read_row(struct mesh_placing *placing)
{
    struct placement_leader *leader = &placing->leader;
    struct placement_map map = {0};
    struct cluster_placement row;
    struct arena arena;

    arena_init(&arena);
    enum err err = cluster_placement_read(placing->mesh->options.cluster, &arena, &row);
    if (err == ERR_OK && row.version > 0)
        err = placement_decode(row.map, &map);
    if (err == ERR_OK && map.version != row.version)
        err = ERR_CORRUPT;
    if (err != ERR_OK)
        log_error(placing->mesh->options.log, "the assignment map can't be read", F_ERR(err));
    arena_release(&arena);
    if (!placement_was_read(leader, err, &map, clock_mono_ns(placing->mesh->options.clock)))
        return;
    install(placing);
    if (map.leader == placing->mesh->self)
        tell_map(placing); /* published, but the answer had been lost */
}

static void publish(struct mesh_placing *placing, const struct placement_map *next)
{
    struct mesh *mesh = placing->mesh;
    struct buf bytes;

    buf_init(&bytes, 0);
    placement_encode(next, &bytes);
    must(buf_ok(&bytes));
    const struct cluster_placement row = {.leader = next->leader,
                                          .term = next->term,
                                          .version = next->version,
                                          .map = buf_slice(&bytes)};
    const enum err err = cluster_placement_swap(mesh->options.cluster, next->version - 1, &row);
    buf_release(&bytes);
    if (!placement_was_published(&placing->leader, err, next, clock_mono_ns(mesh->options.clock)))
        return;
    counter_add(placing->published, 1);
    install(placing);
    tell_map(placing);
}

/* Until there is nothing to do; gives the time at which there will be. */
static int64_t work(struct mesh_placing *placing)
{
    const struct clock *clock = placing->mesh->options.clock;
    struct placement_map next;
    int64_t until_ns;

    for (;;) {
        look_around(placing);
        switch (placement_step(&placing->leader, clock_mono_ns(clock), &next, &until_ns)) {
        case PLACEMENT_IDLE:
            return until_ns;
        case PLACEMENT_READ:
            read_row(placing);
            break;
        case PLACEMENT_PUBLISH:
            publish(placing, &next);
            break;
        }
    }
}

/* -- what the thread hears ------------------------------------------------------------------ */

/* Take what waits. */
static void take_news(struct mesh_placing *placing)
{
    struct placement_leader *leader = &placing->leader;
    struct placement_map told;
    int64_t above;
    bool has_told, ask;

    pthread_mutex_lock(&placing->mutex);
    placing->kicked = false;
    if (placing->stale)
        placement_stale(leader);
    placing->stale = false;
    has_told = placing->has_told;
    placing->has_told = false;
    if (has_told)
        told = placing->told;
    above = placing->above;
    ask = placing->asked_by_us;
    placing->above = 0;
    placing->asked_by_us = false;
    pthread_mutex_unlock(&placing->mutex);

    if (has_told && placement_learn(leader, &told))
        install(placing);
    if (above == 0)
        return;
    placement_want_above(leader, above);
    if (ask && leader->above >= leader->map.version && leader->map.leader != placing->mesh->self)
        tell(placing->mesh, leader->map.leader, NEWS_WANT, above, SLICE_EMPTY);
}

/* Wait for news or for the time; false: the end. Under the mutex. */
static bool wait_for_news(struct mesh_placing *placing, int64_t until_ns)
{
    while (!placing->kicked && !placing->stop) {
        if (until_ns == INT64_MAX) {
            pthread_cond_wait(&placing->wake, &placing->mutex);
            continue;
        }
        const int64_t left_ns = until_ns - clock_mono_ns(placing->mesh->options.clock);
        struct timespec at;

        if (left_ns <= 0)
            break;
        clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += left_ns / NS_PER_S;
        at.tv_nsec += left_ns % NS_PER_S;
        if (at.tv_nsec >= NS_PER_S) {
            at.tv_sec++;
            at.tv_nsec -= NS_PER_S;
        }
        (void)pthread_cond_timedwait(&placing->wake, &placing->mutex, &at);
    }
    return !placing->stop;
}

static void *run(void *arg)
{
    struct mesh_placing *placing = arg;
    bool going = true;

    pthread_setname_np(pthread_self(), "mesh-placing");
    while (going) {
        take_news(placing);
        const int64_t until_ns = work(placing);

        pthread_mutex_lock(&placing->mutex);
        going = wait_for_news(placing, until_ns);
        pthread_mutex_unlock(&placing->mutex);
    }
    return NULL;
}

static void kick_locked(struct mesh_placing *placing)
{
    placing->kicked = true;
    pthread_cond_signal(&placing->wake);
}

void mesh_placing_kick(struct mesh_placing *placing)
{
    pthread_mutex_lock(&placing->mutex);
    kick_locked(placing);
    pthread_mutex_unlock(&placing->mutex);
}

void mesh_placing_saw(struct mesh_placing *placing, int64_t metadata_version)
{
    pthread_mutex_lock(&placing->mutex);
    if (metadata_version > placing->saw) {
        placing->saw = metadata_version;
        placing->stale = true;
        kick_locked(placing);
    }
    pthread_mutex_unlock(&placing->mutex);
}

static void want(struct mesh_placing *placing, int64_t version, bool by_us)
{
    pthread_mutex_lock(&placing->mutex);
    if (version > placing->above)
        placing->above = version;
    placing->asked_by_us = placing->asked_by_us || by_us;
    kick_locked(placing);
    pthread_mutex_unlock(&placing->mutex);
}

void mesh_placing_want(struct mesh_placing *placing, int64_t version)
{
    want(placing, version, true);
}

static void hear_map(struct mesh_placing *placing, struct slice bytes)
{
    struct placement_map map;

    if (placement_decode(bytes, &map) != ERR_OK) {
        counter_add(placing->mesh->malformed, 1);
        return;
    }
    pthread_mutex_lock(&placing->mutex);
    if (!placing->has_told || map.version > placing->told.version) {
        placing->told = map;
        placing->has_told = true;
        kick_locked(placing);
    }
    pthread_mutex_unlock(&placing->mutex);
}

static void hear_leaving(struct mesh_placing *placing, uint64_t process)
{
    struct mesh *mesh = placing->mesh;

    pthread_mutex_lock(&mesh->mutex);
    for (size_t i = 0; i < mesh->peer_count; i++)
        if (mesh->peers[i]->member.process == process)
            mesh->peers[i]->leaving = true;
    pthread_mutex_unlock(&mesh->mutex);
    mesh_placing_kick(placing);
}

void mesh_placing_heard(struct mesh_placing *placing, uint64_t process, struct slice body)
{
    struct mesh *mesh = placing->mesh;
    struct arena arena;
    struct rec r;

    arena_init(&arena);
    if (rec_decode(&arena, body, &r) != ERR_OK) {
        counter_add(mesh->malformed, 1);
        arena_release(&arena);
        return;
    }
    switch (rec_u64(&r, KEY_WHAT, 0)) {
    case NEWS_MAP:
        hear_map(placing, rec_bytes(&r, KEY_MAP));
        break;
    case NEWS_LEAVING:
        hear_leaving(placing, process);
        break;
    case NEWS_FREED:
        pthread_mutex_lock(&mesh->mutex);
        mesh_tell_placed(mesh);
        pthread_mutex_unlock(&mesh->mutex);
        break;
    case NEWS_WANT:
        want(placing, rec_i64(&r, KEY_VERSION, 0), false);
        break;
    default:
        break; /* of a later version */
    }
    arena_release(&arena);
}

void mesh_placing_leave(struct mesh_placing *placing)
{
    tell_all(placing->mesh, NEWS_LEAVING, 0, SLICE_EMPTY);
    mesh_placing_kick(placing);
}

void mesh_placing_freed(struct mesh_placing *placing, uint64_t owner)
{
    tell(placing->mesh, owner, NEWS_FREED, 0, SLICE_EMPTY);
}

/* -- life ----------------------------------------------------------------------------------- */

struct mesh_placing *mesh_placing_new(struct mesh *mesh)
{
    struct mesh_placing *placing = calloc(1, sizeof *placing);
    uint32_t shards[PLACEMENT_ROLES] = {0};
    pthread_condattr_t attributes;

    must(placing != NULL);
    must((uint32_t)ROLE_COUNT == (uint32_t)PLACEMENT_ROLES);
    must((uint32_t)MESH_SHARDS_MAX == (uint32_t)PLACEMENT_SHARDS_MAX);
    for (uint32_t role = 0; role < ROLE_COUNT; role++)
        if (role != ROLE_FRONTEND) /* owns nothing */
            shards[role] = mesh->options.shard_count[role];
    placing->mesh = mesh;
    placement_leader_init(&placing->leader, mesh->self, shards);
    placing->version = metrics_gauge(mesh->options.metrics, "gnomon_placement_version", "");
    placing->leads = metrics_gauge(mesh->options.metrics, "gnomon_placement_leads", "");
    placing->published =
        metrics_counter(mesh->options.metrics, "gnomon_placement_published_total", "");
    must(pthread_mutex_init(&placing->mutex, NULL) == 0);
    must(pthread_condattr_init(&attributes) == 0);
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    must(pthread_cond_init(&placing->wake, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
    return placing;
}

void mesh_placing_start(struct mesh_placing *placing)
{
    must(pthread_create(&placing->thread, NULL, run, placing) == 0);
    placing->running = true;
}

void mesh_placing_stop(struct mesh_placing *placing)
{
    if (!placing || !placing->running)
        return;
    pthread_mutex_lock(&placing->mutex);
    placing->stop = true;
    pthread_cond_signal(&placing->wake);
    pthread_mutex_unlock(&placing->mutex);
    must(pthread_join(placing->thread, NULL) == 0);
    placing->running = false;
}

void mesh_placing_free(struct mesh_placing *placing)
{
    if (!placing)
        return;
    must(!placing->running);
    pthread_cond_destroy(&placing->wake);
    pthread_mutex_destroy(&placing->mutex);
    free(placing);
}
