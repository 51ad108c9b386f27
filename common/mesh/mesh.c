/* mesh.c - the process' side of the mesh: peers and placement, what comes in, what goes out.
 *
 * 1. A peer exists from the moment its member file is seen until that is gone; every port is told
 *    of both, in order with the peer's messages.
 * 2. A message that does not follow its predecessor's number, or can't be read to its end, is a
 *    peer reset: the ports fail what is outstanding, the sender is told so that it does the same.
 *    The numbers go on from that message's, wherever it stands: nothing keeps two peers apart.
 * 3. Messages of processes that are not members are not looked at. */
#include "common/mesh/mesh_int.h"

#include "common/base/rng.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    SOCKET_PATH_MAX = 107, /* what a sockaddr_un holds */
    SOCKET_NAME_LEN = 24,  /* "/r-0123456789abcdef.sock" */
    FLUSH_MS = 1000,
    COMPLAIN_MS = 1000,
    MALLOC_KEEP_BYTES = 4 * 1024 * 1024,
};

static const char *const role_names[ROLE_COUNT + 1] = {
    [ROLE_FRONTEND] = "frontend", [ROLE_HISTORY] = "history", [ROLE_MATCHING] = "matching",
    [ROLE_TIMERS] = "timers",     [ROLE_TOOL] = "tool",
};

const char *mesh_role_name(enum mesh_role role)
{
    must(role <= ROLE_TOOL);
    return role_names[role];
}

const char *mesh_method_name(enum mesh_method method)
{
    switch (method) {
    case METHOD_NONE:
        break;
#define METHOD(name, number, role)                                                                 \
    case METHOD_##name:                                                                            \
        return #name;
#include "common/mesh/methods.def"
#undef METHOD
    }
    return "NONE";
}

/* -- peers ---------------------------------------------------------------------------------- */

void mesh_peer_unref(struct mesh_peer *peer)
{
    if (!peer || atomic_fetch_sub_explicit(&peer->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct mesh *mesh = peer->mesh;

    pthread_mutex_lock(&mesh->reap_mutex);
    peer->next_dead = mesh->dead;
    mesh->dead = peer;
    pthread_cond_signal(&mesh->reap_wake);
    pthread_mutex_unlock(&mesh->reap_mutex);
}

static void *reap(void *arg)
{
    struct mesh *mesh = arg;

    pthread_setname_np(pthread_self(), "mesh-reaper");
    pthread_mutex_lock(&mesh->reap_mutex);
    while (mesh->dead || !mesh->reap_stop) {
        struct mesh_peer *peer = mesh->dead;

        if (!peer) {
            pthread_cond_wait(&mesh->reap_wake, &mesh->reap_mutex);
            continue;
        }
        mesh->dead = peer->next_dead;
        pthread_mutex_unlock(&mesh->reap_mutex);
        if (!mesh_outbox_close(peer->outbox)) {
            counter_add(mesh->stuck, 1);
            log_error(mesh->options.log, "the way to a peer that is gone can't be closed",
                      F_U64("process", peer->member.process));
        }
        free(peer);
        pthread_mutex_lock(&mesh->reap_mutex);
    }
    pthread_mutex_unlock(&mesh->reap_mutex);
    return NULL;
}

static void reaper_end(struct mesh *mesh)
{
    pthread_mutex_lock(&mesh->reap_mutex);
    mesh->reap_stop = true;
    pthread_cond_signal(&mesh->reap_wake);
    pthread_mutex_unlock(&mesh->reap_mutex);
    must(pthread_join(mesh->reaper, NULL) == 0);
    pthread_cond_destroy(&mesh->reap_wake);
    pthread_mutex_destroy(&mesh->reap_mutex);
}

struct mesh_peer *mesh_peer_find(struct mesh *mesh, uint64_t process)
{
    for (size_t i = 0; i < mesh->peer_count; i++)
        if (mesh->peers[i]->member.process == process)
            return mesh->peers[i];
    return NULL;
}

static bool is_forgotten(const struct mesh *mesh, uint64_t process)
{
    for (size_t i = 0; i < MESH_FORGOTTEN; i++)
        if (mesh->forgotten[i] == process)
            return true;
    return false;
}

static struct mesh_peer *peer_ref(struct mesh *mesh, uint64_t process, bool *forgotten)
{
    pthread_mutex_lock(&mesh->mutex);
    struct mesh_peer *peer = mesh_peer_find(mesh, process);
    if (peer)
        atomic_fetch_add_explicit(&peer->refs, 1, memory_order_relaxed);
    *forgotten = !peer && is_forgotten(mesh, process);
    pthread_mutex_unlock(&mesh->mutex);
    return peer;
}

struct mesh_peer *mesh_peer_get(struct mesh *mesh, uint64_t process, bool scan)
{
    bool forgotten;
    struct mesh_peer *peer = peer_ref(mesh, process, &forgotten);

    if (peer || !scan || forgotten || process == mesh->self || process == 0)
        return peer;
    members_scan(mesh->members);
    peer = peer_ref(mesh, process, &forgotten);
    if (!peer) {
        pthread_mutex_lock(&mesh->mutex);
        mesh->forgotten[mesh->forgotten_next++ % MESH_FORGOTTEN] = process;
        pthread_mutex_unlock(&mesh->mutex);
    }
    return peer;
}

void mesh_tell_ports(struct mesh *mesh, uint64_t process, uint32_t role, int what)
{
    for (size_t i = 0; i < mesh->port_count; i++)
        mesh_port_tell(mesh->ports[i], process, role, what);
}

void mesh_tell_placed(struct mesh *mesh)
{
    mesh_tell_ports(mesh, 0, 0, DELIVER_PLACED);
}

/* Under the mutex: the members have changed. Where nobody publishes a map, here is who owns what.
 */
static void place(struct mesh *mesh)
{
    for (uint32_t role = 0; role < ROLE_COUNT; role++) {
        uint64_t processes[MEMBERS_MAX + 1];
        size_t count = 0;

        if (mesh->options.role == role)
            processes[count++] = mesh->self;
        for (size_t i = 0; i < mesh->peer_count; i++)
            if (mesh->peers[i]->member.role == role)
                processes[count++] = mesh->peers[i]->member.process;
        mesh->alive[role] = (uint32_t)count;
        if (mesh->placing)
            continue;
        for (uint32_t shard = 0; shard < mesh->options.shard_count[role]; shard++)
            mesh->owners[role][shard] = members_rendezvous(processes, count, role, shard);
    }
    if (mesh->placing) {
        mesh_placing_kick(mesh->placing);
    } else {
        mesh->map_version++;
        mesh->placed = true;
        mesh_tell_placed(mesh);
    }
}

static int64_t metadata_version(void *arg)
{
    const struct mesh *mesh = arg;
    const int64_t version = mesh->options.cluster ? cluster_version(mesh->options.cluster) : 0;

    return version > 0 ? version : 0;
}

void mesh_port_tell(struct mesh_port *port, uint64_t process, uint32_t role, int what)
{
    struct mesh_delivery *news = calloc(1, sizeof *news);

    must(news != NULL);
    news->what = what;
    news->process = process;
    news->role = (enum mesh_role)role;
    if (!mesh_port_deliver(port, news, true))
        mesh_delivery_free(news);
}

static void on_room(void *arg, uint64_t to)
{
    mesh_dirty(arg, to);
}

static void peer_up(struct mesh *mesh, const struct member *member)
{
    const struct outbox_options options = {.process = mesh->self,
                                           .role = mesh->options.role,
                                           .to = member->process,
                                           .metadata_version = metadata_version,
                                           .room = on_room,
                                           .arg = mesh};
    struct mesh_peer *peer = calloc(1, sizeof *peer);
    struct err_detail detail = {{0}, NULL, {0}};

    must(peer != NULL);
    if (mesh_dial_check(&mesh->options.transport, member->address, &detail) != ERR_OK ||
        mesh_outbox_open(&options, member->address, &peer->outbox, &detail) != ERR_OK) {
        log_error(mesh->options.log, "peer refused", F_U64("process", member->process),
                  F_STR("why", detail.text));
        free(peer);
        return;
    }
    peer->mesh = mesh;
    atomic_init(&peer->refs, 1);
    peer->member = *member;
    pthread_mutex_lock(&mesh->mutex);
    must(mesh->peer_count < MEMBERS_MAX);
    mesh->peers[mesh->peer_count++] = peer;
    mesh_progress_begin(mesh, peer);
    for (size_t i = 0; i < MESH_FORGOTTEN; i++)
        if (mesh->forgotten[i] == member->process)
            mesh->forgotten[i] = 0;
    place(mesh);
    mesh_tell_ports(mesh, member->process, member->role, DELIVER_UP);
    pthread_mutex_unlock(&mesh->mutex);
}

static void peer_down(struct mesh *mesh, const struct member *member)
{
    pthread_mutex_lock(&mesh->mutex);
    struct mesh_peer *peer = mesh_peer_find(mesh, member->process);
    if (peer) {
        for (size_t i = 0; i < mesh->peer_count; i++)
            if (mesh->peers[i] == peer)
                mesh->peers[i] = mesh->peers[mesh->peer_count - 1];
        mesh->peer_count--;
        place(mesh);
        mesh_progress_end(peer);
        mesh_tell_ports(mesh, member->process, member->role, DELIVER_DOWN);
    }
    pthread_mutex_unlock(&mesh->mutex);
    mesh_peer_unref(peer);
}

static void on_member(void *arg, const struct member *member, bool up)
{
    struct mesh *mesh = arg;

    if (member->role > ROLE_TOOL)
        return; /* of a later version */
    log_info(mesh->options.log, up ? "peer up" : "peer down",
             F_STR("role", mesh_role_name((enum mesh_role)member->role)),
             F_U64("process", member->process));
    if (up)
        peer_up(mesh, member);
    else
        peer_down(mesh, member);
}

static void on_tick(void *arg)
{
    struct mesh *mesh = arg;
    struct mesh_peer *peers[MEMBERS_MAX];

    pthread_mutex_lock(&mesh->mutex);
    const size_t count = mesh->peer_count;
    for (size_t i = 0; i < count; i++) {
        peers[i] = mesh->peers[i];
        atomic_fetch_add_explicit(&peers[i]->refs, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&mesh->mutex);
    for (size_t i = 0; i < count; i++) {
        mesh_outbox_heal(peers[i]->outbox);
        mesh_peer_unref(peers[i]);
    }
    mesh_progress_look(mesh);
    if (!mesh_inbox_heal(mesh->inbox))
        return;
    counter_add(mesh->relistens, 1);
    log_error(mesh->options.log, "the inbox had stopped accepting: it listens anew",
              F_U64("process", mesh->self));
}

/* -- coming in ------------------------------------------------------------------------------ */

struct mesh_port *mesh_port_of(struct mesh *mesh, const struct envelope *envelope)
{
    if (envelope->kind == ENVELOPE_REPLY) {
        const uint64_t index = envelope->call >> MESH_PORT_SHIFT;
        return index < mesh->port_count ? mesh->ports[index] : NULL;
    }
    if (envelope->shard != MESH_NO_SHARD)
        return envelope->shard < MESH_SHARDS_MAX ? mesh->bound[envelope->shard] : NULL;
    for (size_t i = 0; i < mesh->port_count; i++)
        if (!mesh->ports[i]->closed)
            return mesh->ports[i];
    return NULL;
}

/* Give envelopes of one message to one port, or refuse them. */
static void deliver_run(struct mesh *mesh, struct mesh_port *port,
                        const struct mesh_delivery *origin, const struct envelope *envelopes,
                        uint32_t count)
{
    const size_t array_bytes = count * sizeof *envelopes;
    struct mesh_delivery *delivery = malloc(sizeof *delivery + array_bytes);

    must(delivery != NULL);
    *delivery = *origin;
    delivery->count = count;
    memcpy(delivery->envelopes, envelopes, array_bytes);
    delivery->bytes = array_bytes;
    for (uint32_t i = 0; i < count; i++)
        delivery->bytes += envelopes[i].body.len;
    mesh_inmsg_ref(delivery->msg);
    if (port && mesh_port_deliver(port, delivery, false))
        return;
    /* Refused: but replies have a place that their callers keep for them. */
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct envelope *envelope = &delivery->envelopes[i];

        if (port && envelope->kind == ENVELOPE_CAST)
            mesh_port_dropped(port, delivery->process, delivery->role);
        if (port && (envelope->kind == ENVELOPE_REPLY || mesh_is_bounce(envelope)))
            delivery->envelopes[kept++] = *envelope;
        else
            mesh_refuse(mesh, delivery->process, &delivery->envelopes[i],
                        port ? ERR_BUSY : ERR_NOT_OWNER);
    }
    delivery->count = kept;
    if (kept > 0 && mesh_port_deliver(port, delivery, true))
        return;
    for (uint32_t i = 0; i < kept; i++)
        mesh_refuse(mesh, delivery->process, &delivery->envelopes[i], ERR_NOT_OWNER);
    mesh_delivery_free(delivery);
}

/* Said once a second at most: who sends rubbish sends much of it. */
static void complain(struct mesh *mesh, enum log_level level, uint64_t process, const char *what)
{
    const int64_t now_ns = clock_mono_ns(mesh->options.clock);

    mesh->unsaid++;
    if (mesh->said_mono_ns && now_ns - mesh->said_mono_ns < COMPLAIN_MS * NS_PER_MS)
        return;
    LOG_AT(mesh->options.log, level, "rubbish on the mesh", F_STR("what", what),
           F_U64("process", process), F_U64("count", mesh->unsaid));
    mesh->said_mono_ns = now_ns;
    mesh->unsaid = 0;
}

static void pong(struct mesh *mesh, uint64_t process)
{
    const struct envelope envelope = {.kind = ENVELOPE_PONG, .shard = MESH_NO_SHARD};
    uint8_t bytes[MESH_PROGRESS_BYTES_MAX];
    const struct slice body = mesh_progress_write(mesh, bytes);

    (void)mesh_post(mesh, process, &envelope, &body, 1);
}

/* Cuts a message into runs of envelopes for the same port. In practice one run. false: a part of
 * it can't be read. Where answers pile up (not `admits`) calls are refused at once. */
static bool deliver_message(struct mesh *mesh, const struct mesh_delivery *origin, bool admits,
                            struct slice bytes)
{
    bool whole = true;
    struct envelope *run = mesh->run;
    struct mesh_port *port = NULL;
    uint32_t count = 0;

    while (bytes.len) {
        struct envelope envelope;

        if (envelope_read(&bytes, &envelope) != ERR_OK) {
            counter_add(mesh->malformed, 1);
            complain(mesh, LOG_ERROR, origin->process, "an envelope that can't be read");
            whole = false;
            break;
        }
        if (envelope.kind == ENVELOPE_RESET) {
            pthread_mutex_lock(&mesh->mutex);
            mesh_tell_ports(mesh, origin->process, origin->role, DELIVER_RESET);
            pthread_mutex_unlock(&mesh->mutex);
            continue;
        }
        if (envelope.kind == ENVELOPE_DROPPED) {
            mesh_dirty(mesh, origin->process);
            continue;
        }
        if (envelope.kind == ENVELOPE_PING)
            pong(mesh, origin->process);
        else if (envelope.kind == ENVELOPE_PONG)
            mesh_progress_read(mesh, origin->process, envelope.body);
        if (envelope.kind == ENVELOPE_PLACE && mesh->placing)
            mesh_placing_heard(mesh->placing, origin->process, envelope.body);
        if (envelope.kind == 0 || envelope.kind > ENVELOPE_RESET)
            continue; /* a heartbeat, or of a later version */
        if (envelope.kind == ENVELOPE_CALL && !admits) {
            counter_add(mesh->refused, 1);
            mesh_refuse(mesh, origin->process, &envelope, ERR_BUSY);
            continue;
        }
        pthread_mutex_lock(&mesh->mutex);
        struct mesh_port *to = mesh_port_of(mesh, &envelope);
        pthread_mutex_unlock(&mesh->mutex);
        if (count > 0 && (to != port || count == MESH_RUN_MAX)) {
            deliver_run(mesh, port, origin, run, count);
            count = 0;
        }
        port = to;
        run[count++] = envelope;
    }
    if (count > 0)
        deliver_run(mesh, port, origin, run, count);
    return whole;
}

static void peer_reset(struct mesh *mesh, const struct mesh_header *header)
{
    const struct envelope reset = {.kind = ENVELOPE_RESET, .shard = MESH_NO_SHARD};

    log_warn(mesh->options.log, "messages of a peer were lost", F_U64("process", header->process),
             F_U64("number", header->number));
    counter_add(mesh->resets, 1);
    pthread_mutex_lock(&mesh->mutex);
    mesh_tell_ports(mesh, header->process, header->role, DELIVER_LOST);
    pthread_mutex_unlock(&mesh->mutex);
    (void)mesh_post(mesh, header->process, &reset, NULL, 0);
}

/* On nng's thread: read, sort, hand over. */
static void on_message(void *arg, struct mesh_inmsg *msg)
{
    struct mesh *mesh = arg;
    struct slice bytes = mesh_inmsg_bytes(msg);
    struct mesh_header header;

    if (mesh_header_read(&bytes, &header) != ERR_OK || header.role > ROLE_TOOL) {
        counter_add(mesh->malformed, 1);
        complain(mesh, LOG_ERROR, 0, "a header that can't be read");
        return;
    }
    if (header.to != 0 && header.to != mesh->self) {
        counter_add(mesh->strangers, 1); /* our address was that of another process before */
        complain(mesh, LOG_WARN, header.process, "a message for another process");
        return;
    }
    struct mesh_peer *peer = mesh_peer_get(mesh, header.process, true);
    if (!peer || peer->member.role != header.role) {
        mesh_peer_unref(peer);
        counter_add(mesh->strangers, 1); /* or one that has just died */
        complain(mesh, LOG_WARN, header.process, "a sender that is not a member");
        return;
    }
    const bool gap = header.number != peer->last_number + 1;
    peer->last_number = header.number;
    const bool admits = mesh_outbox_admits(peer->outbox);
    mesh_peer_unref(peer);
    if (mesh->options.cluster) {
        cluster_saw_version(mesh->options.cluster, header.metadata_version);
        mesh_placing_saw(mesh->placing, header.metadata_version);
    }
    if (gap)
        peer_reset(mesh, &header);
    const struct mesh_delivery origin = {.what = DELIVER_ENVELOPES,
                                         .process = header.process,
                                         .role = (enum mesh_role)header.role,
                                         .received_mono_ns = clock_mono_ns(mesh->options.clock),
                                         .msg = msg};
    if (!deliver_message(mesh, &origin, admits, bytes))
        peer_reset(mesh, &header); /* the rest is as good as lost */
}

/* -- going out ------------------------------------------------------------------------------ */

bool mesh_deliver_self(struct mesh *mesh, const struct envelope *envelope,
                       const struct slice *parts, size_t count)
{
    const struct slice strings[] = {envelope->detail_text, envelope->detail_type,
                                    envelope->detail_payload, envelope->undelivered};
    size_t body_bytes = 0, string_bytes = 0;

    for (size_t i = 0; i < count; i++)
        body_bytes += parts[i].len;
    for (size_t i = 0; i < COUNT_OF(strings); i++)
        string_bytes += strings[i].len;
    struct mesh_delivery *delivery =
        malloc(sizeof *delivery + sizeof *envelope + string_bytes + body_bytes);
    must(delivery != NULL);
    *delivery = (struct mesh_delivery){.what = DELIVER_ENVELOPES,
                                       .process = mesh->self,
                                       .role = mesh->options.role,
                                       .received_mono_ns = clock_mono_ns(mesh->options.clock),
                                       .bytes = body_bytes + string_bytes + sizeof *envelope,
                                       .count = 1};
    struct envelope *copy = &delivery->envelopes[0];
    uint8_t *at = (uint8_t *)(copy + 1);
    struct slice *const copies[] = {&copy->detail_text, &copy->detail_type, &copy->detail_payload,
                                    &copy->undelivered};
    *copy = *envelope;
    for (size_t i = 0; i < COUNT_OF(strings); i++) {
        *copies[i] = slice_of(at, strings[i].len);
        if (strings[i].len)
            memcpy(at, strings[i].ptr, strings[i].len);
        at += strings[i].len;
    }
    copy->body = slice_of(at, body_bytes);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len)
            memcpy(at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    pthread_mutex_lock(&mesh->mutex);
    struct mesh_port *port = mesh_port_of(mesh, envelope);
    pthread_mutex_unlock(&mesh->mutex);
    const bool force = envelope->kind == ENVELOPE_REPLY || mesh_is_bounce(envelope);
    if (port && mesh_port_deliver(port, delivery, force))
        return true;
    mesh_delivery_free(delivery);
    return false;
}

enum err mesh_post(struct mesh *mesh, uint64_t process, const struct envelope *envelope,
                   const struct slice *parts, size_t count)
{
    if (process == mesh->self)
        return mesh_deliver_self(mesh, envelope, parts, count) ? ERR_OK : ERR_NOT_OWNER;
    struct mesh_peer *peer = mesh_peer_get(mesh, process, true);
    if (!peer)
        return ERR_UNAVAILABLE;
    const bool posted = mesh_outbox_post(peer->outbox, envelope, parts, count);
    mesh_peer_unref(peer);
    return posted ? ERR_OK : ERR_BUSY;
}

/* Under mesh->mutex. */
static void ping_all(struct mesh *mesh, int64_t now_ns)
{
    const struct envelope ping = {.kind = ENVELOPE_PING, .shard = MESH_NO_SHARD};

    mesh->beat_mono_ns = now_ns;
    for (size_t i = 0; i < mesh->peer_count; i++)
        if (mesh_outbox_post(mesh->peers[i]->outbox, &ping, NULL, 0))
            mesh_progress_asked(mesh->peers[i], now_ns);
}

void mesh_beat(struct mesh *mesh)
{
    const int64_t now_ns = clock_mono_ns(mesh->options.clock);

    pthread_mutex_lock(&mesh->mutex);
    if (mesh->beat_mono_ns == 0 || now_ns - mesh->beat_mono_ns >= MESH_BEAT_MS * NS_PER_MS / 2)
        ping_all(mesh, now_ns);
    pthread_mutex_unlock(&mesh->mutex);
}

/* Every message has the version in its head. */
void mesh_tell_version(struct mesh *mesh)
{
    pthread_mutex_lock(&mesh->mutex);
    ping_all(mesh, clock_mono_ns(mesh->options.clock));
    pthread_mutex_unlock(&mesh->mutex);
}

/* -- asking about placement ----------------------------------------------------------------- */

uint64_t mesh_self(const struct mesh *mesh)
{
    return mesh->self;
}

uint64_t mesh_owner(struct mesh *mesh, enum mesh_role role, uint32_t shard)
{
    uint64_t owner = 0;

    must(role <= ROLE_TOOL);
    pthread_mutex_lock(&mesh->mutex);
    if (role < ROLE_COUNT && shard < mesh->options.shard_count[role])
        owner = mesh->owners[role][shard];
    pthread_mutex_unlock(&mesh->mutex);
    return owner;
}

bool mesh_is_ours(struct mesh *mesh, uint32_t shard)
{
    return mesh_owner(mesh, mesh->options.role, shard) == mesh->self;
}

int64_t mesh_map_version(struct mesh *mesh)
{
    pthread_mutex_lock(&mesh->mutex);
    const int64_t version = mesh->map_version;
    pthread_mutex_unlock(&mesh->mutex);
    return version;
}

bool mesh_is_placed(struct mesh *mesh)
{
    pthread_mutex_lock(&mesh->mutex);
    const bool placed = mesh->placed;
    pthread_mutex_unlock(&mesh->mutex);
    return placed;
}

void mesh_leaving(struct mesh *mesh)
{
    pthread_mutex_lock(&mesh->mutex);
    mesh->leaving = true;
    pthread_mutex_unlock(&mesh->mutex);
    if (mesh->placing)
        mesh_placing_leave(mesh->placing);
}

void mesh_freed(struct mesh *mesh, uint32_t shard)
{
    const uint64_t owner = mesh_owner(mesh, mesh->options.role, shard);

    if (mesh->placing && owner && owner != mesh->self)
        mesh_placing_freed(mesh->placing, owner);
}

void mesh_want_map_above(struct mesh *mesh, int64_t version)
{
    if (mesh->placing)
        mesh_placing_want(mesh->placing, version);
}

/* -- life ----------------------------------------------------------------------------------- */

/* The folder's full name: other processes need not share our working directory. */
static enum err options_check(const struct mesh_options *options, char full[PATH_MAX],
                              struct err_detail *detail)
{
    for (size_t role = 0; role < ROLE_COUNT; role++)
        must(options->shard_count[role] <= MESH_SHARDS_MAX);
    must(options->role < ROLE_TOOL || !options->cluster);
    if (options->run_dir[0] == '\0')
        return err_fail(detail, ERR_INVALID, "run.dir: empty");
    if (mkdir(options->run_dir, 0700) != 0 && errno != EEXIST)
        return err_fail(detail, ERR_IO, "run.dir: %s: %s", options->run_dir, strerror(errno));
    if (!realpath(options->run_dir, full))
        return err_fail(detail, ERR_IO, "run.dir: %s: %s", options->run_dir, strerror(errno));
    const char *listen = options->transport.listen;
    if (strlen(full) >= MEMBERS_DIR_MAX)
        return err_fail(detail, ERR_INVALID, "run.dir: longer than %d bytes", MEMBERS_DIR_MAX - 1);
    if ((!listen || listen[0] == '\0') && strlen(full) + SOCKET_NAME_LEN > SOCKET_PATH_MAX)
        return err_fail(detail, ERR_INVALID,
                        "run.dir: %s is too long: a socket's path holds %d bytes, choose a folder "
                        "of at most %d",
                        full, SOCKET_PATH_MAX, SOCKET_PATH_MAX - SOCKET_NAME_LEN);
    return ERR_OK;
}

static uint64_t draw_id(void)
{
    struct rng rng;
    uint64_t id;

    rng_seed_from_kernel(&rng);
    do
        id = rng_u64(&rng);
    while (id == 0);
    return id;
}

static void metrics_open(struct mesh *mesh)
{
    struct metrics *metrics = mesh->options.metrics;

    mesh->calls = metrics_counter(metrics, "gnomon_mesh_calls", "");
    mesh->casts_dropped = metrics_counter(metrics, "gnomon_mesh_casts_dropped", "");
    mesh->refused = metrics_counter(metrics, "gnomon_mesh_calls_refused", "");
    mesh->dirty = metrics_counter(metrics, "gnomon_mesh_dirty_peers", "");
    mesh->resets = metrics_counter(metrics, "gnomon_mesh_peer_resets", "");
    mesh->malformed = metrics_counter(metrics, "gnomon_mesh_malformed", "");
    mesh->relistens = metrics_counter(metrics, "gnomon_mesh_relistens", "");
    mesh->stuck = metrics_counter(metrics, "gnomon_mesh_stuck_closes", "");
    mesh->strangers = metrics_counter(metrics, "gnomon_mesh_strangers", "");
}

/* Opens the inbox; `address` is what the others dial. */
static enum err listen_on(struct mesh *mesh, const char *run_dir, char address[MESH_URL_MAX],
                          struct err_detail *detail)
{
    const struct mesh_transport *transport = &mesh->options.transport;
    char path[PATH_MAX + SOCKET_NAME_LEN + 8], url[MESH_URL_MAX];

    snprintf(path, sizeof path, "%s/%u-%016llx.sock", run_dir, (unsigned)mesh->options.role,
             (unsigned long long)mesh->self);
    enum err err = mesh_listen_url(transport, path, url, detail);
    if (err == ERR_OK)
        err = mesh_inbox_open(url, MESH_MESSAGE_MAX, on_message, mesh, &mesh->inbox, detail);
    if (err == ERR_OK)
        err = mesh_advertise_url(transport, path, mesh_inbox_port(mesh->inbox), address, detail);
    return err;
}

enum err mesh_open(const struct mesh_options *options, struct mesh **out, struct err_detail *detail)
{
    char run_dir[PATH_MAX];
    struct members_options members = {
        .run_dir = run_dir, .log = options->log, .changed = on_member, .tick = on_tick};
    enum err err = options_check(options, run_dir, detail);

    *out = NULL;
    if (err != ERR_OK)
        return err;
    /* Message buffers come and go at 64 KB and more: keep them in the heap. */
    mallopt(M_MMAP_THRESHOLD, MALLOC_KEEP_BYTES);
    mallopt(M_TRIM_THRESHOLD, MALLOC_KEEP_BYTES);

    struct mesh *mesh = calloc(1, sizeof *mesh);
    must(mesh != NULL);
    mesh->options = *options;
    mesh->self = draw_id();
    mesh->hung_ms = MESH_HUNG_MS;
    atomic_init(&mesh->call_salt, draw_id());
    must(pthread_mutex_init(&mesh->mutex, NULL) == 0);
    must(pthread_mutex_init(&mesh->reap_mutex, NULL) == 0);
    must(pthread_cond_init(&mesh->reap_wake, NULL) == 0);
    must(pthread_create(&mesh->reaper, NULL, reap, mesh) == 0);
    mesh->run = calloc(MESH_RUN_MAX, sizeof *mesh->run);
    must(mesh->run != NULL);
    metrics_open(mesh);
    if (options->cluster)
        mesh->placing = mesh_placing_new(mesh);
    place(mesh);
    members.self.process = mesh->self;
    members.self.role = options->role;
    members.arg = mesh;
    err = listen_on(mesh, run_dir, members.self.address, detail);
    if (err != ERR_OK)
        goto fail;
    log_info(options->log, "listening", F_STR("address", members.self.address));
    err = members_open(&members, &mesh->members, detail);
    if (err != ERR_OK)
        goto fail;
    mesh_inbox_start(mesh->inbox);
    if (mesh->placing)
        mesh_placing_start(mesh->placing);
    *out = mesh;
    return ERR_OK;

fail:
    mesh_close(mesh);
    return err;
}

void mesh_close(struct mesh *mesh)
{
    if (!mesh)
        return;
    const int64_t deadline_ns = clock_mono_ns(&clock_real) + FLUSH_MS * NS_PER_MS;

    mesh_placing_stop(mesh->placing);
    if (mesh->members)
        members_leave(mesh->members);
    for (size_t i = 0; i < mesh->peer_count; i++)
        mesh_outbox_flush(mesh->peers[i]->outbox, deadline_ns);
    const bool ended = mesh_inbox_close(mesh->inbox);
    for (size_t i = 0; i < mesh->peer_count; i++)
        mesh_peer_unref(mesh->peers[i]);
    reaper_end(mesh);
    if (!ended) { /* nng's threads may still look at it */
        log_error(mesh->options.log, "the inbox can't be closed", F_U64("process", mesh->self));
        members_close(mesh->members);
        return;
    }
    for (size_t i = 0; i < mesh->port_count; i++) {
        must(mesh->ports[i]->closed);
        pthread_mutex_destroy(&mesh->ports[i]->mutex);
        free(mesh->ports[i]);
    }
    members_close(mesh->members);
    mesh_placing_free(mesh->placing);
    pthread_mutex_destroy(&mesh->mutex);
    free(mesh->run);
    free(mesh);
}
