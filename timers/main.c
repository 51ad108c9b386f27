/* main.c - the timers process: builds its server on the mesh, runs, takes it down. */
#include "common/service/service.h"
#include "timers/server.h"

struct process {
    struct service service;
    struct timers_server *server;
};

/* Nothing is held that history would not fire by itself. */
static void stop(void *arg)
{
    struct process *p = arg;

    loop_stop(p->service.loop);
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
    const int code = service_init(s, ROLE_TIMERS, argc, argv);

    if (code >= 0)
        return code;
    const struct timers_server_options options = {
        .mesh = s->mesh,
        .loop = s->loop,
        .clock = s->clock,
        .log = &s->log,
        .metrics = s->metrics,
        .ready = ready,
        .arg = &p,
    };
    p.server = timers_server_new(&options);
    service_run(s, stop, &p);
    timers_server_free(p.server);
    return service_release(s);
}
