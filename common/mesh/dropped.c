/* dropped.c - what finds nobody or no room here, and how those who lost it come to know.
 *
 * A call is answered with the reason. A cast marks its sender: the mark is told when the port's
 * queue was drained, when somebody binds the shard, or when an outbox that was full is half empty.
 * An answer that nobody waits for goes back to its sender, and further to who has its shard now. */
#include "common/mesh/mesh_int.h"

bool mesh_is_bounce(const struct envelope *envelope)
{
    return envelope->kind == ENVELOPE_CAST && envelope->method == METHOD_NOT_DELIVERED;
}

/* The shard went to another process since the answer left: once, to the one that has it now. */
static bool bounce_on(struct mesh *mesh, const struct envelope *envelope)
{
    const uint64_t owner = mesh_owner(mesh, mesh->options.role, envelope->shard);
    struct envelope on = *envelope;

    if (envelope->call != 0 || owner == 0 || owner == mesh->self)
        return false;
    on.call = 1;
    on.reserved = true;
    return mesh_post(mesh, owner, &on, &envelope->body, 1) == ERR_OK;
}

static void note_unbound(struct mesh *mesh, uint64_t process, uint32_t shard)
{
    if (shard >= MESH_SHARDS_MAX)
        return;
    pthread_mutex_lock(&mesh->mutex);
    struct mesh_peer *peer = mesh_peer_find(mesh, process);
    if (peer)
        peer->unbound[shard / 64] |= UINT64_C(1) << (shard % 64);
    pthread_mutex_unlock(&mesh->mutex);
}

void mesh_tell_bound(struct mesh *mesh, uint32_t shard)
{
    const struct envelope dropped = {.kind = ENVELOPE_DROPPED, .shard = shard, .reserved = true};
    const uint64_t bit = UINT64_C(1) << (shard % 64);

    for (size_t i = 0; i < mesh->peer_count; i++) {
        struct mesh_peer *peer = mesh->peers[i];

        if ((peer->unbound[shard / 64] & bit) == 0)
            continue;
        peer->unbound[shard / 64] &= ~bit;
        (void)mesh_outbox_post(peer->outbox, &dropped, NULL, 0);
    }
}

void mesh_dirty(struct mesh *mesh, uint64_t process)
{
    pthread_mutex_lock(&mesh->mutex);
    const struct mesh_peer *peer = mesh_peer_find(mesh, process);
    if (peer) {
        counter_add(mesh->dirty, 1);
        mesh_tell_ports(mesh, process, peer->member.role, DELIVER_DIRTY);
    }
    pthread_mutex_unlock(&mesh->mutex);
}

void mesh_refuse(struct mesh *mesh, uint64_t process, const struct envelope *envelope, enum err err)
{
    if (envelope->kind == ENVELOPE_CALL) {
        const struct envelope answer = {
            .kind = ENVELOPE_REPLY, .call = envelope->call, .shard = MESH_NO_SHARD, .err = err};
        (void)mesh_post(mesh, process, &answer, NULL, 0);
    } else if (envelope->kind == ENVELOPE_CAST) {
        if (mesh_is_bounce(envelope) && bounce_on(mesh, envelope))
            return;
        counter_add(mesh->casts_dropped, 1);
        if (err == ERR_NOT_OWNER)
            note_unbound(mesh, process, envelope->shard);
    } else if (envelope->kind == ENVELOPE_REPLY && envelope->undelivered.len) {
        const struct envelope back = {.kind = ENVELOPE_CAST,
                                      .method = METHOD_NOT_DELIVERED,
                                      .shard = envelope->shard,
                                      .reserved = true};
        (void)mesh_post(mesh, process, &back, &envelope->undelivered, 1);
    }
}
