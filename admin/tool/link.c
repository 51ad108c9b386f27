/* link.c - questions to the processes that run, as a member of their mesh; see tool.h. */
#include "admin/tool/tool.h"

#include <stdlib.h>
#include <time.h>

enum { LOOK_AGAIN_MS = 10000, LOOK_PAUSE_MS = 50 };

#define OWNERLESS "no owner answers; a history process must run, or the whole cluster be stopped"

struct tool_asked { /* one call on its way */
    struct tool_link *link;
    struct tool_call *call;
    struct arena *arena;
};

struct tool_link {
    struct tool *tool;
    struct loop *loop;
    struct mesh *mesh;
    struct mesh_port *port;
    uint32_t waiting;
    struct placement_map map;
};

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

struct tool_link *tool_link_open(struct tool *tool)
{
    const struct mesh_options options = {.role = ROLE_TOOL,
                                         .run_dir = tool->run_dir,
                                         .transport = {.listen = tool->config.mesh_listen,
                                                       .advertise = tool->config.mesh_advertise,
                                                       .insecure = tool->config.mesh_insecure},
                                         .clock = &clock_real,
                                         .log = &tool->log,
                                         .metrics = tool->metrics};
    struct tool_link *link = calloc(1, sizeof *link);
    struct err_detail detail = {0};

    must(link != NULL);
    link->tool = tool;
    if (mesh_open(&options, &link->mesh, &detail) != ERR_OK) {
        tool_refuse("%s", detail.text);
        free(link);
        return NULL;
    }
    link->loop = loop_new("admin");
    link->port = mesh_port_new(link->mesh, link->loop, &(struct mesh_handlers){0});
    for (enum mesh_role role = ROLE_FRONTEND; role < ROLE_COUNT; role++)
        if (mesh_role_alive(link->mesh, role))
            return link; /* history may be about to start again */
    tool_link_close(link);
    return NULL;
}

void tool_link_close(struct tool_link *link)
{
    mesh_port_free(link->port);
    loop_post_fn(link->loop, stop_loop, link->loop);
    loop_run(link->loop);
    mesh_close(link->mesh);
    loop_free(link->loop);
    free(link);
}

/* -- asking --------------------------------------------------------------------------------- */

static void on_reply(void *arg, enum err err, const struct err_detail *detail, struct slice body)
{
    struct tool_asked *asked = arg;
    struct tool_call *call = asked->call;

    call->err = err;
    if (err == ERR_OK)
        call->reply = arena_copy(asked->arena, body);
    else
        memcpy(call->detail.text, detail->text, sizeof call->detail.text);
    if (--asked->link->waiting == 0)
        loop_stop(asked->link->loop);
}

static enum err read_map(struct tool_link *link)
{
    struct cluster_placement row;
    struct arena arena;

    arena_init(&arena);
    enum err err = cluster_placement_read(link->tool->cluster, &arena, &row);
    if (err == ERR_OK)
        err = row.version > 0 ? placement_decode(row.map, &link->map) : ERR_UNAVAILABLE;
    arena_release(&arena);
    return err;
}

static bool wants_another_owner(enum err err, enum tool_again again)
{
    if (again == TOOL_IF_UNDONE)
        return err == ERR_NOT_OWNER;
    return err == ERR_NOT_OWNER || err == ERR_UNAVAILABLE || err == ERR_PEER_RESET;
}

const char *tool_call_problem(const struct tool_call *call)
{
    if (call->detail.text[0])
        return call->detail.text;
    if (call->err == ERR_UNAVAILABLE || call->err == ERR_NOT_OWNER)
        return OWNERLESS;
    if (call->err == ERR_PEER_RESET)
        return "its owner went away; ask again";
    return err_text(call->err);
}

/* Ask those that are not answered. */
static void ask_round(struct tool_link *link, enum mesh_method method, struct tool_call *calls,
                      uint32_t count, int64_t timeout_ms, struct arena *arena)
{
    const enum err err = read_map(link);

    link->waiting = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct tool_call *call = &calls[i];

        if (call->err == ERR_OK)
            continue;
        call->process = err == ERR_OK ? placement_owner(&link->map, ROLE_HISTORY, call->shard) : 0;
        if (call->process == 0) {
            call->err = err_fail(&call->detail, ERR_NOT_OWNER, OWNERLESS);
            continue;
        }
        const struct mesh_target to = {
            .role = ROLE_HISTORY, .shard = call->shard, .process = call->process};
        call->asked = ARENA_NEW(arena, struct tool_asked);
        *call->asked = (struct tool_asked){link, call, arena};
        link->waiting++;
        mesh_call(link->port, to, method, &call->body, 1, timeout_ms, on_reply, call->asked);
    }
    if (link->waiting)
        loop_run(link->loop);
}

void tool_ask(struct tool *tool, enum mesh_method method, struct tool_call *calls, uint32_t count,
              enum tool_again again, int64_t timeout_ms, struct arena *arena)
{
    const struct timespec pause = {.tv_nsec = LOOK_PAUSE_MS * NS_PER_MS};
    bool more = true;

    must(tool->link != NULL);
    for (uint32_t i = 0; i < count; i++)
        calls[i].err = ERR_UNAVAILABLE;
    for (int pauses = 0; more && pauses < LOOK_AGAIN_MS / LOOK_PAUSE_MS; pauses++) {
        if (pauses)
            nanosleep(&pause, NULL);
        ask_round(tool->link, method, calls, count, timeout_ms, arena);
        more = false;
        for (uint32_t i = 0; i < count; i++)
            more = more || wants_another_owner(calls[i].err, again);
    }
}

enum err tool_members(struct tool *tool, struct mesh_member out[MESH_MEMBERS_MAX], size_t *count,
                      struct placement_map *map)
{
    *count = mesh_members(tool->link->mesh, out);
    *map = (struct placement_map){0};
    const enum err err = read_map(tool->link);
    if (err == ERR_OK)
        *map = tool->link->map;
    return err == ERR_UNAVAILABLE ? ERR_OK : err;
}
