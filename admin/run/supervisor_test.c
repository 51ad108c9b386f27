/* supervisor_test.c - the back-off; the whole is tested with processes in tests/integration. */
#include "admin/run/supervisor.h"

#include "tests/lib/test.h"

#include <stdlib.h>

TEST(supervisor_backoff_doubles_to_its_bound_and_starts_over)
{
    static const struct {
        int64_t last_ms, up_ms, next_ms;
    } cases[] = {
        {100, 0, 200},      {200, 5000, 400},   {3200, 0, 5000},     {5000, 0, 5000},
        {5000, 9999, 5000}, {5000, 10000, 100}, {100, 1000000, 100},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_i64(supervisor_next_backoff_ms(cases[i].last_ms, cases[i].up_ms), cases[i].next_ms);
}

/* The defaults with some keys changed: pairs of variable and value. */
static void make(struct supervisor *supervisor, enum err expected, const char *const (*keys)[2],
                 size_t count)
{
    static struct config config;
    struct err_detail problem = {0};
    struct buf problems;

    for (size_t i = 0; i < count; i++)
        setenv(keys[i][0], keys[i][1], 1);
    buf_init(&problems, 0);
    check_ok(config_load(&config, NULL, &problems));
    buf_release(&problems);
    for (size_t i = 0; i < count; i++)
        unsetenv(keys[i][0]);
    check_i64(supervisor_init(supervisor, "bin", NULL, &config, &problem), expected);
    check(expected == ERR_OK || strstr(problem.text, "run.port.step") != NULL);
}

TEST(supervisor_stops_history_last)
{
    static struct supervisor supervisor;
    int history = -1, frontend = -1;

    make(&supervisor, ERR_OK, NULL, 0);
    check_i64(supervisor.count, 4);
    for (size_t i = 0; i < supervisor.count; i++) {
        const struct service *service = &supervisor.services[i];

        check_str(service->label, service->name);
        if (strcmp(service->name, "history") == 0)
            history = service->stop_order;
        else if (strcmp(service->name, "frontend") == 0)
            frontend = service->stop_order;
        else
            check_i64(service->stop_order, 1);
    }
    check_i64(frontend, 0);
    check_i64(history, 2);
}

TEST(supervisor_gives_each_process_ports_of_its_own)
{
    static const char *const keys[][2] = {{"GNOMON_RUN_HISTORY", "3"},
                                          {"GNOMON_RUN_FRONTEND", "2"},
                                          {"GNOMON_HISTORY_METRICS_PORT", "9091"},
                                          {"GNOMON_MATCHING_METRICS_PORT", "0"}};
    static const struct {
        const char *label;
        int64_t port, metrics_port;
    } expected[] = {
        {"history-0", 0, 9091},     {"history-1", 0, 9191}, {"history-2", 0, 9291},
        {"matching", 0, 0},         {"timers", 0, 9093},    {"frontend-0", 7233, 9090},
        {"frontend-1", 7333, 9190},
    };
    static struct supervisor supervisor;

    make(&supervisor, ERR_OK, keys, COUNT_OF(keys));
    check_i64(supervisor.count, COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        check_str(supervisor.services[i].label, expected[i].label);
        check_i64(supervisor.services[i].port, expected[i].port);
        check_i64(supervisor.services[i].metrics_port, expected[i].metrics_port);
    }
}

TEST(supervisor_refuses_ports_beyond_the_last)
{
    static const char *const keys[][2] = {{"GNOMON_RUN_FRONTEND", "16"},
                                          {"GNOMON_RUN_PORT_STEP", "4096"}};
    static struct supervisor supervisor;

    make(&supervisor, ERR_INVALID, keys, COUNT_OF(keys));
}
