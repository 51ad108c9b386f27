/* backlog_test.c - order, bounds, who gives up. */
#include "history/backlog.h"

#include "tests/lib/test.h"

#include <stdlib.h>

struct seen {
    struct backlog *backlog;
    uint64_t calls[8];
    size_t count;
    bool add_again;
};

static struct mesh_request request_of(uint64_t call, struct slice body)
{
    return (struct mesh_request){
        .shard = 1, .from = {.process = 9, .call = call}, .deadline_mono_ns = 5, .body = body};
}

static void on_visit(void *arg, const struct mesh_request *request)
{
    struct seen *seen = arg;

    if (seen->count < COUNT_OF(seen->calls))
        seen->calls[seen->count] = request->from.call;
    seen->count++;
    check_slice(request->body, SLICE_LIT("body"));
    check_i64(request->deadline_mono_ns, 5);
    if (seen->add_again)
        check(backlog_add(seen->backlog, request));
}

TEST(backlog_keeps_order_and_copies)
{
    struct backlog backlog;
    struct seen seen = {.backlog = &backlog};
    char body[] = "body";

    backlog_init(&backlog);
    for (uint64_t call = 1; call <= 3; call++) {
        const struct mesh_request request = request_of(call, slice_of(body, 4));
        check(backlog_add(&backlog, &request));
    }
    body[0] = 'X';
    backlog_cancel(&backlog, (struct mesh_addr){.process = 9, .call = 2});
    backlog_cancel(&backlog, (struct mesh_addr){.process = 8, .call = 3});
    backlog_empty(&backlog, on_visit, &seen);
    check_i64(seen.count, 2);
    check_i64(seen.calls[0], 1);
    check_i64(seen.calls[1], 3);
    check_i64(backlog.count, 0);
    check_i64(backlog.bytes, 0);
}

TEST(backlog_visits_once_what_comes_back)
{
    struct backlog backlog;
    struct seen seen = {.backlog = &backlog, .add_again = true};
    const struct mesh_request request = request_of(1, SLICE_LIT("body"));

    backlog_init(&backlog);
    check(backlog_add(&backlog, &request));
    backlog_empty(&backlog, on_visit, &seen);
    check_i64(seen.count, 1);
    check_i64(backlog.count, 1);
    seen.add_again = false;
    backlog_empty(&backlog, on_visit, &seen);
    check_i64(backlog.count, 0);
}

TEST(backlog_is_bounded)
{
    struct backlog backlog;
    struct seen seen = {.backlog = &backlog};
    const struct mesh_request small = request_of(1, SLICE_LIT("body"));
    static uint8_t bytes[BACKLOG_BYTES_MAX + 1];
    const struct mesh_request huge = request_of(2, slice_of(bytes, sizeof bytes));

    backlog_init(&backlog);
    check(!backlog_add(&backlog, &huge));
    for (uint32_t i = 0; i < BACKLOG_REQUESTS_MAX; i++)
        check(backlog_add(&backlog, &small));
    check(!backlog_add(&backlog, &small));
    backlog_empty(&backlog, on_visit, &seen);
    check_i64(seen.count, BACKLOG_REQUESTS_MAX);
    check(backlog_add(&backlog, &small));
    backlog_empty(&backlog, on_visit, &seen);
}
