/* follow.c - see follow.h. */
#include "common/mesh/follow.h"

void mesh_follow(struct mesh_follow *follow)
{
    must(follow->count <= MESH_FOLLOW_MAX);
    for (uint32_t shard = 0; shard < follow->count; shard++) {
        const bool ours = mesh_is_ours(follow->mesh, shard);

        if (ours == follow->ours[shard])
            continue;
        follow->ours[shard] = ours;
        if (ours) {
            mesh_bind(follow->port, shard);
        } else {
            mesh_unbind(follow->port, shard);
            follow->lost(follow->arg, shard);
        }
    }
    if (follow->was_placed || !mesh_is_placed(follow->mesh))
        return;
    follow->was_placed = true;
    if (follow->placed)
        follow->placed(follow->arg);
}
