/* main.c - the frontend process: builds the gateway, serves, drains, takes it down. */
#include "common/grpc/health.h"
#include "common/grpc/reflection.h"
#include "common/service/service.h"
#include "frontend/deletions.h"
#include "frontend/frontend.h"
#include "frontend/handlers.h"
#include "frontend/http/http_api.h"
#include "frontend/persistence.h"
#include "frontend/quotas.h"
#include "frontend/server/server.h"
#include "frontend/ui/ui.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum { DRAIN_MS = 2000 };

struct process {
    struct service service;
    struct frontend frontend;
    struct grpc_router *router;
    struct grpc_health *health;
    struct grpc_server *server;
    struct http_api *http_api;
    struct web_server *http; /* NULL: no HTTP port */
    struct ui_pack *ui_pack;
    struct ui_server *ui;
    struct web_server *ui_http; /* NULL: no Web UI */
    atomic_int draining;        /* listeners that still do */
    struct loop *loops[FE_LOOPS_MAX];
    size_t started; /* loops that run on threads of their own: 1 to started - 1 */
};

static void drained(void *arg)
{
    struct process *p = arg;

    if (atomic_fetch_sub(&p->draining, 1) == 1)
        loop_stop(p->service.loop);
}

static void stop(void *arg)
{
    struct process *p = arg;

    grpc_health_set_serving(p->health, false);
    frontend_end_polls(&p->frontend);
    atomic_store(&p->draining, 1 + (p->http != NULL) + (p->ui_http != NULL));
    if (p->http)
        web_server_drain(p->http, DRAIN_MS, drained, p);
    if (p->ui_http)
        web_server_drain(p->ui_http, DRAIN_MS, drained, p);
    grpc_server_drain(p->server, DRAIN_MS, drained, p);
}

/* The gateway answers nothing that comes unasked. */
static void ignore_request(void *arg, const struct mesh_request *request)
{
    UNUSED(arg);
    UNUSED(request);
}

static uint32_t count_frontends(void *arg)
{
    return mesh_role_count(arg, ROLE_FRONTEND);
}

static void make_frontend(struct process *p)
{
    static const struct mesh_handlers handlers = {.request = ignore_request};
    struct service *s = &p->service;

    p->frontend = (struct frontend){.config = &s->config,
                                    .dynconf = s->dynconf,
                                    .clock = s->clock,
                                    .log = &s->log,
                                    .metrics = s->metrics,
                                    .cluster = s->cluster,
                                    .search = {cluster_search_type, s->cluster},
                                    .mesh = s->mesh,
                                    .loop_count = (size_t)s->config.frontend_threads};
    const struct quotas_options quotas = {
        .dynconf = s->dynconf, .metrics = s->metrics, .frontends = count_frontends, .arg = s->mesh};

    p->frontend.quotas = quotas_new(&quotas);
    for (size_t i = 0; i < p->frontend.loop_count; i++) {
        struct fe_loop *fl = &p->frontend.loops[i];

        fl->loop = p->loops[i] = i == 0 ? s->loop : loop_new("frontend");
        fl->port = mesh_port_new(s->mesh, fl->loop, &handlers);
        rng_seed_from_kernel(&fl->rng);
        list_init(&fl->polls);
        list_init(&fl->waits);
        fl->deliveries = fe_deliveries_new(&p->frontend, fl);
    }
    p->frontend.deletions = fe_deletions_new(&p->frontend);
    p->router = grpc_router_new();
    p->health = grpc_health_new();
    grpc_health_add(p->health, "temporal.api.workflowservice.v1.WorkflowService");
    grpc_health_add(p->health, "temporal.api.operatorservice.v1.OperatorService");
    /* By this name probes know the reference's third service. */
    grpc_health_add(p->health, "temporal.api.adminservice.v1.AdminService");
    frontend_register(&p->frontend, p->router);
    grpc_health_register(p->health, p->router);
    grpc_reflection_register(p->router);
    p->http_api = http_api_new(
        &(struct http_api_options){.router = p->router,
                                   .clock = s->clock,
                                   .dynconf = s->dynconf,
                                   .metrics = s->metrics,
                                   .cors_origins = s->config.frontend_http_cors_origins,
                                   .server_version = FE_SERVER_VERSION});
}

static void handle_http(void *ctx, struct web_request *request)
{
    http_api_handle(ctx, request, HTTP_FLAVOR_API);
}

/* The Web UI's files: where the configuration says, else where they are built or installed. */
static void open_ui_pack(struct process *p)
{
    static const char *const places[] = {"ui.pack", "../ui.pack", "../share/gnomon/ui.pack"};
    const char *wanted = p->service.config.ui_assets;
    struct err_detail detail = {0};
    char self[PATH_MAX], path[PATH_MAX + 32];
    const ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    enum err err = ERR_NOT_FOUND;

    self[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    if (wanted[0] != '\0')
        err = ui_pack_open(wanted, &p->ui_pack, &detail);
    for (size_t i = 0; wanted[0] == '\0' && i < COUNT_OF(places) && err == ERR_NOT_FOUND; i++) {
        snprintf(path, sizeof path, "%s/%s", self, places[i]);
        err = ui_pack_open(path, &p->ui_pack, &detail);
    }
    if (err != ERR_OK)
        log_warn(&p->service.log, "the Web UI has no files", F_STR("cause", detail.text));
}

static enum err listen_for_ui(struct process *p, struct err_detail *detail)
{
    const struct config *config = &p->service.config;

    if (config->ui_port == 0)
        return ERR_OK;
    open_ui_pack(p);
    p->ui = ui_server_new(&(struct ui_options){.api = p->http_api,
                                               .router = p->router,
                                               .clock = p->service.clock,
                                               .pack = p->ui_pack,
                                               .default_namespace = config->default_namespace,
                                               .cors_origins = config->ui_cors_origins,
                                               .codec_endpoint = config->ui_codec_endpoint});
    return web_server_open(&(struct web_server_options){.address = config->bind_ip,
                                                        .port = (uint16_t)config->ui_port,
                                                        .loops = p->loops,
                                                        .loop_count = p->frontend.loop_count,
                                                        .clock = p->service.clock,
                                                        .handle = ui_server_handle,
                                                        .ctx = p->ui},
                           &p->ui_http, detail);
}

/* ERR_OK without a port, too. */
static enum err listen_for_http(struct process *p, struct err_detail *detail)
{
    const struct config *config = &p->service.config;
    const struct web_server_options options = {.address = config->bind_ip,
                                               .port = (uint16_t)config->frontend_http_port,
                                               .loops = p->loops,
                                               .loop_count = p->frontend.loop_count,
                                               .clock = p->service.clock,
                                               .handle = handle_http,
                                               .ctx = p->http_api};

    return options.port ? web_server_open(&options, &p->http, detail) : ERR_OK;
}

enum {
    KEEPALIVE_ZERO_TIME_MS = 2 * 60 * 60 * 1000,
    KEEPALIVE_ZERO_TIMEOUT_MS = 20 * 1000,
    KEEPALIVE_ZERO_MIN_TIME_MS = 5 * 60 * 1000,
};

/* Spec: as grpc-go takes them: 0 is `zero_ms`; -1 is never. */
static int64_t keepalive_ms(const struct process *p, enum dynconf_key key, int64_t zero_ms)
{
    const int64_t ms = dynconf_duration(p->service.dynconf, key, SLICE_EMPTY) / NS_PER_MS;

    return ms <= 0 ? zero_ms : ms;
}

static enum err listen_on(struct process *p, struct err_detail *detail)
{
    const int64_t ping_after_ms =
        keepalive_ms(p, DYNCONF_FRONTEND_KEEPALIVE_TIME, KEEPALIVE_ZERO_TIME_MS);
    const struct grpc_server_options options = {
        .address = p->service.config.bind_ip,
        .port = (uint16_t)p->service.config.frontend_port,
        .loops = p->loops,
        .loop_count = p->frontend.loop_count,
        .router = p->router,
        .clock = p->service.clock,
        .log = &p->service.log,
        .keepalive_idle_ms = ping_after_ms < 1000 ? 1000 : ping_after_ms,
        .keepalive_timeout_ms =
            keepalive_ms(p, DYNCONF_FRONTEND_KEEPALIVE_TIMEOUT, KEEPALIVE_ZERO_TIMEOUT_MS),
        .connection_idle_ms = keepalive_ms(p, DYNCONF_FRONTEND_KEEPALIVE_IDLE, -1),
        .connection_age_ms = keepalive_ms(p, DYNCONF_FRONTEND_KEEPALIVE_AGE, -1),
        .connection_grace_ms = keepalive_ms(p, DYNCONF_FRONTEND_KEEPALIVE_GRACE, -1),
        .ping_interval_min_ms =
            keepalive_ms(p, DYNCONF_FRONTEND_KEEPALIVE_MIN_TIME, KEEPALIVE_ZERO_MIN_TIME_MS),
        .idle_pings_refused =
            !dynconf_bool(p->service.dynconf, DYNCONF_FRONTEND_KEEPALIVE_IDLE_PINGS, SLICE_EMPTY),
    };

    return grpc_server_open(&options, &p->server, detail);
}

static void release(struct process *p)
{
    if (p->server)
        grpc_server_free(p->server);
    web_server_free(p->http);
    web_server_free(p->ui_http);
    for (size_t i = 1; i < p->started; i++) {
        loop_stop(p->loops[i]);
        loop_join(p->loops[i]);
    }
    fe_deletions_free(p->frontend.deletions);
    for (size_t i = 0; i < p->frontend.loop_count; i++) {
        fe_deliveries_free(p->frontend.loops[i].deliveries);
        mesh_port_free(p->frontend.loops[i].port);
        if (i > 0)
            loop_free(p->loops[i]);
    }
    ui_server_free(p->ui);
    ui_pack_close(p->ui_pack);
    http_api_free(p->http_api);
    grpc_health_free(p->health);
    grpc_router_free(p->router);
    frontend_release(&p->frontend);
    quotas_free(p->frontend.quotas);
}

int main(int argc, char **argv)
{
    static struct process p;
    struct service *s = &p.service;
    struct err_detail detail = {0};
    int code = service_init(s, ROLE_FRONTEND, argc, argv);

    if (code >= 0)
        return code;
    make_frontend(&p);
    enum err err = fe_make_default_namespace(s->cluster, &s->config);
    if (err != ERR_OK)
        (void)err_fail(&detail, err, "cannot make the namespace %s: %s",
                       s->config.default_namespace, err_text(err));
    fe_persistence_init(&p.frontend);
    if (err == ERR_OK)
        err = listen_for_http(&p, &detail);
    if (err == ERR_OK)
        err = listen_for_ui(&p, &detail);
    if (err == ERR_OK)
        err = listen_on(&p, &detail);
    if (err != ERR_OK) {
        s->exit_code = service_refuse(s->name, SERVICE_EXIT_CONFIG, "%s", detail.text);
    } else {
        for (size_t i = 1; i < p.frontend.loop_count; i++)
            loop_start(p.loops[i]);
        p.started = p.frontend.loop_count;
        log_info(&s->log, "listening", F_STR("ip", s->config.bind_ip),
                 F_U64("port", grpc_server_port(p.server)),
                 F_U64("http_port", p.http ? web_server_port(p.http) : 0),
                 F_U64("ui_port", p.ui_http ? web_server_port(p.ui_http) : 0));
        service_ready(s);
        service_run(s, stop, &p);
    }
    release(&p);
    return service_release(s);
}
