/* health.c - the health service. Watchers sit in a list per health object, under its mutex, and
 * are told on their own loops. */
#include "common/grpc/health.h"

#include "common/base/list.h"
#include "common/loop/loop.h"
#include "common/proto/wire.h"

#include <pthread.h>
#include <stdlib.h>

enum { NAMES_MAX = 16 };

enum serving_status { SERVING = 1, NOT_SERVING = 2, SERVICE_UNKNOWN = 3 };

struct grpc_health {
    struct arena arena;
    const char *names[NAMES_MAX];
    size_t name_count;

    pthread_mutex_t mutex; /* guards what follows */
    bool serving;
    struct list watchers;
};

/* One Watch stream. Its call belongs to its loop; `told` and `gone` too. */
struct watcher {
    struct list node;
    struct grpc_health *health;
    struct grpc_call *call; /* NULL: ended */
    struct loop *loop;
    bool known;
    enum serving_status told;
    uint32_t posts; /* messages under way to its loop, under the mutex; the watcher outlives them */
};

struct grpc_health *grpc_health_new(void)
{
    struct grpc_health *health = calloc(1, sizeof *health);

    must(health != NULL);
    arena_init(&health->arena);
    must(pthread_mutex_init(&health->mutex, NULL) == 0);
    health->serving = true;
    list_init(&health->watchers);
    grpc_health_add(health, "");
    return health;
}

void grpc_health_free(struct grpc_health *health)
{
    if (!health)
        return;
    must(list_empty(&health->watchers));
    pthread_mutex_destroy(&health->mutex);
    arena_release(&health->arena);
    free(health);
}

void grpc_health_add(struct grpc_health *health, const char *service)
{
    must(health->name_count < NAMES_MAX);
    health->names[health->name_count++] = arena_str(&health->arena, slice_str(service));
}

static bool is_known(const struct grpc_health *health, struct slice name)
{
    for (size_t i = 0; i < health->name_count; i++)
        if (slice_eq(name, slice_str(health->names[i])))
            return true;
    return false;
}

/* HealthCheckResponse: status = 1. */
static struct slice response(uint8_t bytes[2], enum serving_status status)
{
    bytes[0] = 1 << 3 | WIRE_VARINT;
    bytes[1] = (uint8_t)status;
    return slice_of(bytes, 2);
}

/* HealthCheckRequest: service = 1. */
static struct slice requested_name(const struct grpc_call *call)
{
    return wire_find_bytes(call->request, 1);
}

static bool is_serving(struct grpc_health *health)
{
    pthread_mutex_lock(&health->mutex);
    const bool serving = health->serving;
    pthread_mutex_unlock(&health->mutex);
    return serving;
}

static void check(void *ctx, struct grpc_call *call)
{
    struct grpc_health *health = ctx;
    struct err_detail detail = {0};

    if (!is_known(health, requested_name(call))) {
        const enum err err = err_fail(&detail, ERR_NOT_FOUND, "unknown service");

        grpc_call_fail(call, err, &detail);
        return;
    }
    grpc_call_reply(
        call, response(arena_alloc(&call->arena, 2), is_serving(health) ? SERVING : NOT_SERVING));
}

/* HealthListResponse: map<string, HealthCheckResponse> statuses = 1. */
static void list(void *ctx, struct grpc_call *call)
{
    struct grpc_health *health = ctx;
    const enum serving_status status = is_serving(health) ? SERVING : NOT_SERVING;
    struct buf body, entry;

    buf_init(&body, 0);
    buf_init(&entry, 0);
    for (size_t i = 0; i < health->name_count; i++) {
        uint8_t bytes[2];

        buf_clear(&entry);
        wire_put_bytes(&entry, 1, slice_str(health->names[i]));
        wire_put_bytes(&entry, 2, response(bytes, status));
        wire_put_bytes(&body, 1, buf_slice(&entry));
    }
    must(buf_ok(&body) && buf_ok(&entry));
    grpc_call_reply(call, arena_copy(&call->arena, buf_slice(&body)));
    buf_release(&entry);
    buf_release(&body);
}

/* Whoever finds it ended and without messages under way frees it. With the mutex held. */
static bool is_over(const struct watcher *watcher)
{
    return !watcher->call && watcher->posts == 0;
}

static void end_watch(void *arg, struct grpc_call *call, enum grpc_cancel why)
{
    struct watcher *watcher = arg;
    struct grpc_health *health = watcher->health;
    const struct err_detail detail = {.text = "Stream has ended."};

    UNUSED(why);
    pthread_mutex_lock(&health->mutex);
    list_remove(&watcher->node);
    watcher->call = NULL;
    const bool over = is_over(watcher);
    pthread_mutex_unlock(&health->mutex);
    if (over)
        free(watcher);
    grpc_call_fail(call, ERR_CANCELED, &detail);
}

static void tell(struct watcher *watcher)
{
    uint8_t bytes[2];
    enum serving_status status = SERVICE_UNKNOWN;

    if (watcher->known)
        status = is_serving(watcher->health) ? SERVING : NOT_SERVING;
    if (status == watcher->told)
        return;
    watcher->told = status;
    if (grpc_call_send(watcher->call, response(bytes, status)))
        return;
    struct grpc_call *call = watcher->call; /* a client that reads nothing */
    grpc_call_on_cancel(call, NULL, NULL);
    end_watch(watcher, call, GRPC_CANCEL_CLIENT);
}

static void tell_on_loop(void *arg)
{
    struct watcher *watcher = arg;
    struct grpc_health *health = watcher->health;

    pthread_mutex_lock(&health->mutex);
    watcher->posts--;
    const bool ended = !watcher->call, over = is_over(watcher);
    pthread_mutex_unlock(&health->mutex);
    if (over)
        free(watcher);
    else if (!ended)
        tell(watcher);
}

static void watch(void *ctx, struct grpc_call *call)
{
    struct grpc_health *health = ctx;
    struct watcher *watcher = calloc(1, sizeof *watcher);

    must(watcher != NULL);
    watcher->health = health;
    watcher->call = call;
    watcher->loop = call->loop;
    watcher->known = is_known(health, requested_name(call));
    pthread_mutex_lock(&health->mutex);
    list_push_back(&health->watchers, &watcher->node);
    pthread_mutex_unlock(&health->mutex);
    grpc_call_on_cancel(call, end_watch, watcher);
    tell(watcher);
}

void grpc_health_register(struct grpc_health *health, struct grpc_router *router)
{
    grpc_router_add(router, "/grpc.health.v1.Health/Check", GRPC_UNARY, check, health);
    grpc_router_add(router, "/grpc.health.v1.Health/List", GRPC_UNARY, list, health);
    grpc_router_add(router, "/grpc.health.v1.Health/Watch", GRPC_SERVER_STREAM, watch, health);
}

void grpc_health_set_serving(struct grpc_health *health, bool serving)
{
    pthread_mutex_lock(&health->mutex);
    health->serving = serving;
    LIST_EACH(node, &health->watchers)
    {
        struct watcher *watcher = CONTAINER_OF(node, struct watcher, node);

        if (!watcher->loop)
            continue; /* a test without loops */
        watcher->posts++;
        loop_post_fn(watcher->loop, tell_on_loop, watcher);
    }
    pthread_mutex_unlock(&health->mutex);
}
