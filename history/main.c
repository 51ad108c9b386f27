/* main.c - the history process: builds it, serves, drains, takes it down. */
#include "common/service/service.h"
#include "history/process.h"

struct program {
    struct service service;
    struct history_process *history;
};

/* What is on the disk would meet the next process just the same. */
static bool is_beyond_restart(enum err err)
{
    return err == ERR_CORRUPT || err == ERR_PRECONDITION || err == ERR_INVALID;
}

static void on_ready(void *arg, enum err err)
{
    struct program *p = arg;

    if (err != ERR_OK) {
        service_fail(&p->service);
        if (is_beyond_restart(err))
            p->service.exit_code = SERVICE_EXIT_CONFIG;
        return;
    }
    service_ready(&p->service);
}

static void on_stopped(void *arg)
{
    struct program *p = arg;

    loop_stop(p->service.loop);
}

static void stop(void *arg)
{
    struct program *p = arg;

    history_process_stop(p->history);
}

int main(int argc, char **argv)
{
    static struct program p;
    struct service *s = &p.service;
    struct err_detail detail = {0};
    const int code = service_init(s, ROLE_HISTORY, argc, argv);

    if (code >= 0)
        return code;
    const struct history_process_options options = {
        .service = s, .ready = on_ready, .stopped = on_stopped, .arg = &p};
    const enum err err = history_process_open(&options, &p.history, &detail);
    if (err != ERR_OK) {
        s->exit_code = service_refuse(
            s->name, is_beyond_restart(err) ? SERVICE_EXIT_CONFIG : SERVICE_EXIT_FAILED, "%s",
            detail.text[0] ? detail.text : err_text(err));
        return service_release(s);
    }
    service_run(s, stop, &p);
    history_process_free(p.history);
    return service_release(s);
}
