/* walk_test.c - turns, retries and the rate, by hand. */
#include "history/batch/walk.h"

#include "tests/lib/test.h"

static struct batch_item items[4];
static struct batch_page page;
static int64_t again_ns;

static void fresh(uint32_t count)
{
    memset(items, 0, sizeof items);
    batch_page_init(&page, items, count);
}

static struct batch_item *take(int64_t now_ns)
{
    struct batch_item *item = batch_page_next(&page, now_ns, &again_ns);

    if (item)
        item->state = BATCH_ITEM_BUSY;
    return item;
}

TEST(a_page_goes_in_order_and_ends_with_its_last_answer)
{
    fresh(3);
    check(take(0) == &items[0] && take(0) == &items[1] && take(0) == &items[2]);
    check(take(0) == NULL);
    check_i64(again_ns, INT64_MAX);
    batch_page_answered(&page, &items[1], ERR_OK, false, 0);
    batch_page_answered(&page, &items[0], ERR_NOT_FOUND, false, 0);
    check(!batch_page_done(&page));
    batch_page_answered(&page, &items[2], ERR_STALE, false, 0);
    check(batch_page_done(&page));
    check_i64(page.success, 3);
    check_i64(page.first, 0);
    check(take(0) == NULL);
    check_i64(page.first, 3);
}

TEST(an_empty_page_is_done)
{
    fresh(0);
    check(batch_page_done(&page));
    check(take(0) == NULL);
}

TEST(what_is_gone_is_a_failure_of_a_look_up_only)
{
    fresh(2);
    batch_page_answered(&page, take(0), ERR_NOT_FOUND, true, 0);
    batch_page_answered(&page, take(0), ERR_NOT_FOUND, false, 0);
    check_i64(page.failure, 1);
    check_i64(page.success, 1);
}

/* How often an item is tried until it counts as failed, and how long that takes. */
static uint32_t attempts_until_failed(enum err err, int64_t *took_ns)
{
    int64_t now_ns = 1000;
    uint32_t attempts = 0;

    fresh(1);
    while (!batch_page_done(&page)) {
        struct batch_item *item = take(now_ns);

        if (!item) {
            check(again_ns > now_ns && again_ns < INT64_MAX);
            now_ns = again_ns;
            continue;
        }
        batch_page_answered(&page, item, err, false, now_ns);
        attempts++;
    }
    check_i64(page.failure, 1);
    *took_ns = now_ns;
    return attempts;
}

TEST(an_owner_that_is_busy_is_asked_until_it_is_not)
{
    int64_t now_ns = 1000;

    fresh(1);
    for (uint32_t i = 0; i < 1000; i++) {
        struct batch_item *item = take(now_ns);

        check(item != NULL);
        batch_page_answered(&page, item, ERR_BUSY, false, now_ns);
        check(take(now_ns) == NULL); /* never at once */
        check(again_ns > now_ns && again_ns <= now_ns + 2 * NS_PER_S);
        now_ns = again_ns;
    }
    check_i64(page.failure, 0);
    batch_page_answered(&page, take(now_ns), ERR_OK, false, now_ns);
    check(batch_page_done(&page));
    check_i64(page.success, 1);
}

TEST(failures_are_tried_again_as_long_as_that_may_help)
{
    int64_t took_ns;

    check_i64(attempts_until_failed(ERR_INVALID, &took_ns), 1);
    check_i64(attempts_until_failed(ERR_PRECONDITION, &took_ns), 10);
    check(took_ns < 20 * NS_PER_S);
    check_i64(attempts_until_failed(ERR_UNAVAILABLE, &took_ns), 200);
    check(took_ns > 120 * NS_PER_S);
}

TEST(others_go_while_one_backs_off)
{
    fresh(2);
    struct batch_item *first = take(5);
    batch_page_answered(&page, first, ERR_UNAVAILABLE, false, 5);
    check(take(5) == &items[1]);
    check(take(5) == NULL);
    check_i64(again_ns, first->again_ns);
    check(take(again_ns) == first);
    batch_page_answered(&page, first, ERR_OK, false, again_ns);
    batch_page_answered(&page, &items[1], ERR_OK, false, again_ns);
    check(batch_page_done(&page));
}

TEST(a_rate_has_a_second_ahead_and_then_its_pace)
{
    struct batch_rate rate = {0};
    int64_t now_ns = 100 * NS_PER_S, next_ns;
    int taken = 0;

    while (batch_rate_take(&rate, 10, now_ns, &next_ns))
        taken++;
    check_i64(taken, 10);
    for (int i = 0; i < 20; i++) {
        check_i64(next_ns - now_ns, NS_PER_S / 10);
        now_ns = next_ns;
        check(batch_rate_take(&rate, 10, now_ns, &next_ns));
        check(!batch_rate_take(&rate, 10, now_ns, &next_ns));
    }
}

TEST(a_rate_below_one_a_second)
{
    struct batch_rate rate = {0};
    int64_t next_ns;

    check(batch_rate_take(&rate, 0.5, 7, &next_ns));
    check(!batch_rate_take(&rate, 0.5, 8, &next_ns));
    check_i64(next_ns, 7 + 2 * NS_PER_S);
    check(!batch_rate_take(&rate, 0.5, next_ns - 1, &next_ns));
    check(batch_rate_take(&rate, 0.5, next_ns, &next_ns));
    check(!batch_rate_take(&rate, 0, next_ns, &next_ns));
}
