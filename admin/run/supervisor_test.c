/* supervisor_test.c - the back-off; the whole is tested with processes in tests/integration. */
#include "admin/run/supervisor.h"

#include "tests/lib/test.h"

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

TEST(supervisor_stops_history_last)
{
    struct supervisor supervisor;
    int history = -1, frontend = -1;

    supervisor_init(&supervisor, "bin", NULL);
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        const struct service *service = &supervisor.services[i];

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
