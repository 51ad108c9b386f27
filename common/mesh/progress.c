/* progress.c - see progress.h. An entry of an answer: turns(8), milliseconds that work waits(4). */
#include "common/mesh/mesh_int.h"

#include <stdio.h>

enum { STALE_MS = 4 * MESH_BEAT_MS, PROBE_MS = MESH_BEAT_MS / 2 };

void mesh_progress_begin(struct mesh *mesh, struct mesh_peer *peer)
{
    const uint32_t role = peer->member.role;
    bool taken[MEMBERS_MAX] = {false};
    uint32_t slot = 0;
    char labels[64];

    for (size_t i = 0; i < mesh->peer_count; i++)
        if (mesh->peers[i] != peer && mesh->peers[i]->member.role == role)
            taken[mesh->peers[i]->progress.slot] = true;
    while (slot + 1 < MEMBERS_MAX && taken[slot])
        slot++;
    snprintf(labels, sizeof labels, "role=\"%s\",peer=\"%u\"", mesh_role_name((enum mesh_role)role),
             (unsigned)slot);
    peer->progress = (struct mesh_progress){
        .slot = slot,
        .age = metrics_gauge(mesh->options.metrics, "gnomon_mesh_peer_progress_age_milliseconds",
                             labels)};
    gauge_set(peer->progress.age, 0);
}

void mesh_progress_end(struct mesh_peer *peer)
{
    gauge_set(peer->progress.age, 0);
}

void mesh_progress_asked(struct mesh_peer *peer, int64_t now_ns)
{
    if (peer->progress.asked_mono_ns == 0)
        peer->progress.asked_mono_ns = now_ns;
}

struct slice mesh_progress_write(struct mesh *mesh, uint8_t out[MESH_PROGRESS_BYTES_MAX])
{
    const int64_t now_ns = clock_mono_ns(mesh->options.clock);
    size_t len = 0;

    pthread_mutex_lock(&mesh->mutex);
    const bool probe = now_ns - mesh->probe_mono_ns >= PROBE_MS * NS_PER_MS;
    if (probe)
        mesh->probe_mono_ns = now_ns;
    for (size_t i = 0; i < mesh->port_count && len < MESH_PROGRESS_BYTES_MAX; i++) {
        struct mesh_turns turns;

        if (!mesh_port_turns(mesh->ports[i], now_ns, probe, &turns))
            continue;
        be64_put(out + len, turns.count);
        be32_put(out + len + 8, turns.waiting_ms);
        len += MESH_PROGRESS_ENTRY_BYTES;
    }
    pthread_mutex_unlock(&mesh->mutex);
    return slice_of(out, len);
}

void mesh_progress_read(struct mesh *mesh, uint64_t process, struct slice body)
{
    const int64_t now_ns = clock_mono_ns(mesh->options.clock);
    uint32_t age_ms = 0, thread = 0;
    uint64_t turns = 0;

    if (body.len % MESH_PROGRESS_ENTRY_BYTES != 0 || body.len > MESH_PROGRESS_BYTES_MAX)
        return;
    for (size_t at = 0; at < body.len; at += MESH_PROGRESS_ENTRY_BYTES) {
        const uint32_t waiting_ms = be32_get(body.ptr + at + 8);

        turns += be64_get(body.ptr + at);
        if (waiting_ms <= age_ms)
            continue;
        age_ms = waiting_ms;
        thread = (uint32_t)(at / MESH_PROGRESS_ENTRY_BYTES);
    }
    pthread_mutex_lock(&mesh->mutex);
    struct mesh_peer *peer = mesh_peer_find(mesh, process);
    if (peer) {
        peer->progress.asked_mono_ns = 0;
        peer->progress.heard_mono_ns = now_ns;
        peer->progress.turns = turns;
        peer->progress.age_ms = age_ms;
        peer->progress.thread = thread;
    }
    pthread_mutex_unlock(&mesh->mutex);
}

/* How long the peer has made no progress, by what is known now. */
static int64_t age_of(const struct mesh_progress *progress, int64_t now_ns)
{
    const int64_t silent_ms =
        progress->asked_mono_ns ? (now_ns - progress->asked_mono_ns) / NS_PER_MS : 0;
    const bool stale = now_ns - progress->heard_mono_ns > STALE_MS * NS_PER_MS;
    const int64_t said_ms = stale && !progress->asked_mono_ns ? 0 : progress->age_ms;

    return silent_ms > said_ms ? silent_ms : said_ms;
}

void mesh_progress_look(struct mesh *mesh)
{
    const int64_t now_ns = clock_mono_ns(mesh->options.clock);

    pthread_mutex_lock(&mesh->mutex);
    for (size_t i = 0; i < mesh->peer_count; i++) {
        const struct mesh_peer *peer = mesh->peers[i];
        struct mesh_progress *progress = &mesh->peers[i]->progress;
        const int64_t age_ms = age_of(progress, now_ns);
        const bool hung = age_ms >= mesh->hung_ms;

        gauge_set(progress->age, age_ms);
        if (hung == progress->hung)
            continue;
        progress->hung = hung;
        LOG_AT(mesh->options.log, hung ? LOG_WARN : LOG_INFO,
               hung ? "a peer makes no progress" : "a peer makes progress again",
               F_STR("role", mesh_role_name((enum mesh_role)peer->member.role)),
               F_U64("process", peer->member.process), F_U64("thread", progress->thread),
               F_U64("turns", progress->turns), F_I64("age_ms", age_ms));
    }
    pthread_mutex_unlock(&mesh->mutex);
}
