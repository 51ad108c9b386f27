/* main.c - the matching process: builds its server on the mesh, runs, drains, takes it down. */
#include "common/service/service.h"
#include "matching/server.h"

struct process {
    struct service service;
    struct matching_server *server;
};

static void drained(void *arg)
{
    struct process *p = arg;

    loop_stop(p->service.loop);
}

static void stop(void *arg)
{
    struct process *p = arg;

    matching_server_drain(p->server, drained, p);
}

static void ready(void *arg)
{
    struct process *p = arg;

    service_ready(&p->service);
}

int main(int argc, char **argv)
{
    static struct process p;
    struct service *s = &p.service;
    const int code = service_init(s, ROLE_MATCHING, argc, argv);

    if (code >= 0)
        return code;
    const struct matching_server_options options = {
        .dynconf = s->dynconf,
        .cluster = s->cluster,
        .mesh = s->mesh,
        .loop = s->loop,
        .clock = s->clock,
        .log = &s->log,
        .metrics = s->metrics,
        .ready = ready,
        .arg = &p,
        .history_shards = (uint32_t)s->config.history_shards,
    };
    p.server = matching_server_new(&options);
    service_run(s, stop, &p);
    matching_server_free(p.server);
    return service_release(s);
}
