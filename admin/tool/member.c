/* member.c - the command member list: the processes of the cluster, and what each of them owns. */
#include "admin/tool/tool.h"

#include <inttypes.h>
#include <stdio.h>

static uint32_t shards_of(const struct placement_map *map, const struct mesh_member *member)
{
    const uint32_t role = member->role;
    uint32_t owned = 0;

    for (uint32_t i = 0; role < PLACEMENT_ROLES && i < map->shard_count[role]; i++)
        owned += placement_owner(map, role, i) == member->process;
    return owned;
}

static void show(const struct placement_map *map, const struct mesh_member *member)
{
    const char *state = member->process == map->leader ? "leader"
                        : member->leaving              ? "leaving"
                                                       : "-";

    printf("%-8s  %016" PRIx64 "  %6u  %-7s  %s\n", mesh_role_name(member->role), member->process,
           shards_of(map, member), state, member->address);
}

int tool_member_list(struct tool *tool, const struct tool_args *args)
{
    struct mesh_member members[MESH_MEMBERS_MAX];
    struct placement_map map;
    size_t count;

    UNUSED(args);
    if (!tool->link)
        return tool_refuse("the cluster is stopped: it has no members");
    if (tool_members(tool, members, &count, &map) != ERR_OK)
        return tool_refuse("the assignment of shards can't be read from the cluster store");
    printf("role      process           shards  state    address\n");
    for (size_t i = 0; i < count; i++)
        if (members[i].role != ROLE_TOOL)
            show(&map, &members[i]);
    return TOOL_OK;
}
