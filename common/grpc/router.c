/* router.c - two hash maps: paths to routes, and the names of the services. */
#include "common/grpc/router.h"

#include "common/base/map.h"

#include <stdlib.h>

struct route_entry {
    struct map_node node; /* key: path */
    struct grpc_route route;
};

struct service_entry {
    struct map_node node; /* key: name */
    char *name;
    struct service_entry *next;
};

struct grpc_router {
    struct arena arena; /* entries and their names */
    struct map routes, services;
    struct service_entry *first, **last;
};

struct grpc_router *grpc_router_new(void)
{
    struct grpc_router *router = calloc(1, sizeof *router);

    must(router != NULL);
    arena_init(&router->arena);
    map_init(&router->routes, 0); /* keys are our own: no need for a random seed */
    map_init(&router->services, 0);
    router->last = &router->first;
    return router;
}

void grpc_router_free(struct grpc_router *router)
{
    if (!router)
        return;
    map_release(&router->routes);
    map_release(&router->services);
    arena_release(&router->arena);
    free(router);
}

static void add_service(struct grpc_router *router, struct slice name)
{
    if (map_get(&router->services, name))
        return;
    struct service_entry *entry = ARENA_NEW(&router->arena, struct service_entry);
    entry->name = arena_str(&router->arena, name);
    map_put(&router->services, slice_str(entry->name), &entry->node);
    *router->last = entry;
    router->last = &entry->next;
}

void grpc_router_add(struct grpc_router *router, const char *path, enum grpc_kind kind,
                     grpc_handler_fn handle, void *ctx)
{
    const char *slash = strrchr(path, '/');

    must(path[0] == '/' && slash > path && handle != NULL);
    must(grpc_router_find(router, slice_str(path)) == NULL);
    struct route_entry *entry = ARENA_NEW(&router->arena, struct route_entry);
    entry->route = (struct grpc_route){.kind = kind, .handle = handle, .ctx = ctx};
    map_put(&router->routes, arena_copy(&router->arena, slice_str(path)), &entry->node);
    add_service(router, slice_of(path + 1, (size_t)(slash - path - 1)));
}

const struct grpc_route *grpc_router_find(const struct grpc_router *router, struct slice path)
{
    struct map_node *node = map_get(&router->routes, path);

    return node ? &CONTAINER_OF(node, struct route_entry, node)->route : NULL;
}

bool grpc_router_has_service(const struct grpc_router *router, struct slice service)
{
    return map_get(&router->services, service) != NULL;
}

const char *grpc_router_service(const struct grpc_router *router, size_t index)
{
    const struct service_entry *entry = router->first;

    while (entry && index-- > 0)
        entry = entry->next;
    return entry ? entry->name : NULL;
}
