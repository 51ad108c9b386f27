/* roster.c - who is alive, for those who use the mesh. */
#include "common/mesh/mesh_int.h"

#include <stdlib.h>

uint32_t mesh_role_count(struct mesh *mesh, enum mesh_role role)
{
    must(role < ROLE_COUNT);
    pthread_mutex_lock(&mesh->mutex);
    const uint32_t count = mesh->alive[role];
    pthread_mutex_unlock(&mesh->mutex);
    return count;
}

bool mesh_role_alive(struct mesh *mesh, enum mesh_role role)
{
    return mesh_role_count(mesh, role) > 0;
}

static int by_role(const void *left, const void *right)
{
    const struct mesh_member *a = left, *b = right;

    if (a->role != b->role)
        return a->role < b->role ? -1 : 1;
    return a->process < b->process ? -1 : a->process > b->process;
}

size_t mesh_members(struct mesh *mesh, struct mesh_member out[MESH_MEMBERS_MAX])
{
    _Static_assert((int)MESH_MEMBERS_MAX >= (int)MEMBERS_MAX, "everybody has room");
    _Static_assert(sizeof out->address >= (size_t)MEMBER_ADDRESS_MAX, "so have addresses");

    pthread_mutex_lock(&mesh->mutex);
    const size_t count = mesh->peer_count;
    for (size_t i = 0; i < count; i++) {
        const struct mesh_peer *peer = mesh->peers[i];

        out[i] = (struct mesh_member){.role = (enum mesh_role)peer->member.role,
                                      .process = peer->member.process,
                                      .leaving = peer->leaving};
        memcpy(out[i].address, peer->member.address, sizeof peer->member.address);
    }
    pthread_mutex_unlock(&mesh->mutex);
    qsort(out, count, sizeof *out, by_role);
    return count;
}
