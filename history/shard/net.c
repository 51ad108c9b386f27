/* net.c - a shard's verbs over a port of the mesh. */
#include "history/shard/shard.h"

static void net_reply(void *self, struct mesh_addr to, const struct mesh_answer *answer)
{
    const struct history_net_mesh *over = self;

    mesh_reply(over->port, to, answer);
}

static uint64_t net_call(void *self, struct mesh_target to, enum mesh_method method,
                         struct slice body, int64_t timeout_ms, mesh_reply_fn reply, void *arg)
{
    const struct history_net_mesh *over = self;

    return mesh_call(over->port, to, method, &body, 1, timeout_ms, reply, arg);
}

static void net_cancel(void *self, uint64_t call)
{
    const struct history_net_mesh *over = self;

    mesh_cancel(over->port, call);
}

static bool net_cast(void *self, struct mesh_target to, enum mesh_method method, struct slice body)
{
    const struct history_net_mesh *over = self;

    return mesh_cast(over->port, to, method, &body, 1);
}

static bool net_alive(void *self, enum mesh_role role)
{
    const struct history_net_mesh *over = self;

    return mesh_role_alive(over->mesh, role);
}

struct history_net history_net_of(struct history_net_mesh *over)
{
    return (struct history_net){
        .reply = net_reply,
        .call = net_call,
        .cancel = net_cancel,
        .cast = net_cast,
        .alive = net_alive,
        .process = mesh_self(over->mesh),
        .self = over,
    };
}
