/* breakers_test.c - when a destination is left alone, on a clock of the test's own. */
#include "history/shard/breakers.h"

#include "tests/lib/test.h"

enum { HOST = 7, OTHER = 8 };

static const struct hs_breaker_settings usual = {.requests_max = 1, .timeout_ns = 60 * NS_PER_S};

/* One attempt; whether it went out. */
static bool attempt(struct hs_breakers *b, const struct hs_breaker_settings *settings,
                    enum hs_breaker_result result, int64_t now_ns)
{
    struct hs_breaker_pass pass;
    int64_t again_ns;

    if (!hs_breaker_enter(b, HOST, settings, now_ns, &pass, &again_ns))
        return false;
    (void)hs_breaker_leave(b, &pass, settings, result, now_ns);
    return true;
}

static uint32_t failures(struct hs_breakers *b, const struct hs_breaker_settings *settings,
                         uint32_t count, int64_t now_ns)
{
    uint32_t sent = 0;

    for (uint32_t i = 0; i < count; i++)
        sent += attempt(b, settings, BREAKER_FAILURE, now_ns);
    return sent;
}

TEST(test_breaker_trips_with_the_sixth_failure_in_a_row)
{
    struct hs_breakers b;
    int64_t again_ns = 0;

    hs_breakers_init(&b, 1);
    check_i64(failures(&b, &usual, 5, 1), 5);
    check(attempt(&b, &usual, BREAKER_SUCCESS, 1)); /* begins anew */
    check_i64(b.by_destination.count, 0);
    check_i64(failures(&b, &usual, 9, 1), 6);
    check(hs_breaker_blocks(&b, HOST) && !hs_breaker_blocks(&b, OTHER));
    check(!hs_breaker_lets(&b, HOST, 2, &again_ns));
    check_i64(again_ns, 1 + 60 * NS_PER_S);
    check(hs_breaker_lets(&b, OTHER, 2, &again_ns));
    hs_breakers_release(&b);
}

TEST(test_breaker_tries_one_after_its_timeout)
{
    struct hs_breakers b;
    struct hs_breaker_pass pass, none;
    int64_t again_ns;
    const int64_t later_ns = 1 + 60 * NS_PER_S, latest_ns = later_ns + 60 * NS_PER_S;

    hs_breakers_init(&b, 1);
    (void)failures(&b, &usual, 6, 1);
    check(hs_breaker_enter(&b, HOST, &usual, later_ns, &pass, &again_ns));
    check(hs_breaker_blocks(&b, HOST));
    check(!hs_breaker_enter(&b, HOST, &usual, later_ns, &none, &again_ns));
    check(!hs_breaker_leave(&b, &pass, &usual, BREAKER_NOTHING, later_ns)); /* it never left */
    check(hs_breaker_enter(&b, HOST, &usual, later_ns, &pass, &again_ns));
    check(!hs_breaker_leave(&b, &pass, &usual, BREAKER_FAILURE, later_ns));
    check(!hs_breaker_lets(&b, HOST, latest_ns - 1, &again_ns));
    check_i64(again_ns, latest_ns);
    check(hs_breaker_enter(&b, HOST, &usual, latest_ns, &pass, &again_ns));
    check(hs_breaker_leave(&b, &pass, &usual, BREAKER_SUCCESS, latest_ns));
    check(!hs_breaker_blocks(&b, HOST));
    check_i64(failures(&b, &usual, 9, latest_ns), 6);
    hs_breakers_release(&b);
}

TEST(test_breaker_hears_no_answers_of_before)
{
    struct hs_breakers b;
    struct hs_breaker_pass early[8], probe;
    int64_t again_ns;
    const int64_t later_ns = 1 + 60 * NS_PER_S;

    hs_breakers_init(&b, 1);
    for (size_t i = 0; i < COUNT_OF(early); i++)
        check(hs_breaker_enter(&b, HOST, &usual, 1, &early[i], &again_ns));
    for (size_t i = 0; i < 6; i++)
        check(!hs_breaker_leave(&b, &early[i], &usual, BREAKER_FAILURE, 1));
    check(hs_breaker_blocks(&b, HOST));
    check(!hs_breaker_leave(&b, &early[6], &usual, BREAKER_SUCCESS, 1));
    check(hs_breaker_enter(&b, HOST, &usual, later_ns, &probe, &again_ns));
    check(!hs_breaker_leave(&b, &early[7], &usual, BREAKER_SUCCESS, later_ns));
    check(hs_breaker_blocks(&b, HOST));
    hs_breakers_release(&b);
}

TEST(test_breaker_forgets_by_its_settings)
{
    struct hs_breakers b;
    const struct hs_breaker_settings short_lived = {
        .requests_max = 2, .interval_ns = 10, .timeout_ns = 5};
    struct hs_breaker_pass first, second, third;
    int64_t again_ns;

    hs_breakers_init(&b, 1);
    check_i64(failures(&b, &short_lived, 5, 1), 5);
    check_i64(failures(&b, &short_lived, 5, 11), 5); /* those are another interval's */
    check_i64(failures(&b, &short_lived, 5, 12), 1);
    check(hs_breaker_enter(&b, HOST, &short_lived, 17, &first, &again_ns));
    check(hs_breaker_enter(&b, HOST, &short_lived, 17, &second, &again_ns));
    check(!hs_breaker_enter(&b, HOST, &short_lived, 17, &third, &again_ns));
    check(!hs_breaker_leave(&b, &first, &short_lived, BREAKER_SUCCESS, 17));
    check(hs_breaker_leave(&b, &second, &short_lived, BREAKER_SUCCESS, 17));
    check_i64(failures(&b, &short_lived, 9, 18), 6);
    check(attempt(&b, &usual, BREAKER_FAILURE, 18)); /* other settings: it begins anew */
    check(!hs_breaker_blocks(&b, HOST));
    hs_breakers_release(&b);
}

TEST(test_breakers_are_bounded)
{
    struct hs_breakers b;
    struct hs_breaker_pass pass;
    int64_t again_ns;

    hs_breakers_init(&b, 1);
    for (uint64_t host = 1; host <= HS_BREAKERS_MAX + 1; host++)
        for (int i = 0; i < 6; i++) {
            check(hs_breaker_enter(&b, host, &usual, 1, &pass, &again_ns));
            check(!hs_breaker_leave(&b, &pass, &usual, BREAKER_FAILURE, 1));
        }
    check_i64(b.by_destination.count, HS_BREAKERS_MAX);
    check(!hs_breaker_blocks(&b, HS_BREAKERS_MAX + 1));
    hs_breakers_release(&b);
}
