/* quotas_test.c - who is let in, on a clock of our own: rates, bursts, priorities, shares, counts.
 */
#include "common/base/bucket.h"
#include "frontend/quotas.h"
#include "tests/lib/test.h"

struct rig {
    struct dynconf *dc;
    struct metrics *metrics;
    struct quotas *quotas;
    struct buf warnings;
    uint32_t frontends;
    int64_t now_ns;
};

static uint32_t frontends(void *arg)
{
    const struct rig *rig = arg;

    return rig->frontends;
}

static void rig_load(struct rig *rig, const char *text)
{
    struct err_detail detail = {0};

    check_ok(dynconf_load(rig->dc, slice_str(text), &rig->warnings, &detail));
    check_i64(rig->warnings.len, 0);
}

static void rig_init(struct rig *rig)
{
    *rig = (struct rig){
        .dc = dynconf_new(), .metrics = metrics_new(), .frontends = 1, .now_ns = 1000 * NS_PER_S};
    buf_init(&rig->warnings, 0);
    const struct quotas_options options = {
        .dynconf = rig->dc, .metrics = rig->metrics, .frontends = frontends, .arg = rig};
    rig->quotas = quotas_new(&options);
}

static void rig_release(struct rig *rig)
{
    quotas_free(rig->quotas);
    metrics_free(rig->metrics);
    dynconf_free(rig->dc);
    buf_release(&rig->warnings);
}

static enum quota_answer ask(struct rig *rig, const char *ns, const char *method,
                             bool from_operator)
{
    const struct quota_request request = {.namespace_name = slice_str(ns),
                                          .of_namespace = quota_method_of(method),
                                          .of_process = quota_method_of(method),
                                          .from_operator = from_operator,
                                          .now_mono_ns = rig->now_ns};
    atomic_int *held;
    int64_t wait_ns;
    const enum quota_answer answer = quotas_ask(rig->quotas, &request, &held, &wait_ns);

    quotas_let_go(held);
    return answer;
}

/* How many are let in before one is refused with `why`. */
static int granted_until(struct rig *rig, const char *ns, const char *method, enum quota_answer why)
{
    int count = 0;
    enum quota_answer answer;

    while ((answer = ask(rig, ns, method, false)) == QUOTA_GRANTED && count < 100000)
        count++;
    check_i64(answer, why);
    return count;
}

TEST(test_bucket_gives_its_burst_then_its_rate)
{
    const struct bucket_rate rate = bucket_rate_of(10, 3);
    struct bucket bucket = {0};
    int64_t now_ns = 5 * NS_PER_S;
    int given = 0;

    for (int i = 0; i < 10; i++)
        given += bucket_take(&bucket, rate, now_ns);
    check_i64(given, 3);
    check(!bucket_take(&bucket, rate, now_ns + 99 * NS_PER_MS));
    check(bucket_take(&bucket, rate, now_ns + 100 * NS_PER_MS));
    check(!bucket_take(&bucket, rate, now_ns + 100 * NS_PER_MS));
    for (now_ns += NS_PER_S, given = 0; given < 10 && bucket_take(&bucket, rate, now_ns);)
        given++;
    check_i64(given, 3); /* no more than the burst is ever saved up */
}

TEST(test_bucket_tells_when_the_next_token_comes)
{
    const struct bucket_rate rate = bucket_rate_of(10, 2);
    const int64_t now_ns = 5 * NS_PER_S;
    struct bucket bucket = {0}, none = {0};
    int64_t wait_ns = -1;

    for (int i = 0; i < 5; i++) { /* a burst of two, then one each 100 ms */
        check(bucket_reserve(&bucket, rate, now_ns, NS_PER_S, &wait_ns));
        check_i64(wait_ns, i < 2 ? 0 : (i - 1) * 100 * NS_PER_MS);
    }
    check(!bucket_reserve(&bucket, rate, now_ns, 399 * NS_PER_MS, &wait_ns)); /* takes nothing */
    check(bucket_reserve(&bucket, rate, now_ns, 400 * NS_PER_MS, &wait_ns));
    check_i64(wait_ns, 400 * NS_PER_MS);
    check(!bucket_reserve(&none, bucket_rate_of(0, 10), now_ns, INT64_MAX, &wait_ns));
}

TEST(test_quotas_let_the_patient_wait_for_their_namespace_alone)
{
    struct quota_request request = {.namespace_name = SLICE_LIT("a"),
                                    .of_namespace = quota_method_of("PollWorkflowTaskQueue"),
                                    .of_process = quota_method_of("PollWorkflowTaskQueue"),
                                    .patience_ns = NS_PER_S};
    atomic_int *held;
    int64_t wait_ns;
    struct rig rig;

    rig_init(&rig);
    rig_load(&rig, "frontend.namespaceRPS:\n- value: 1\n"
                   "frontend.namespaceBurstRatio:\n- value: 1\n"
                   "frontend.namespaceCount:\n- value: 3\n");
    request.now_mono_ns = rig.now_ns;
    check_i64(quotas_ask(rig.quotas, &request, &held, &wait_ns), QUOTA_GRANTED);
    check_i64(quotas_ask(rig.quotas, &request, &held, &wait_ns), QUOTA_LATER);
    check_i64(wait_ns, NS_PER_S);
    check(held != NULL); /* it counts while it waits */
    check_i64(quotas_ask(rig.quotas, &request, &held, &wait_ns), QUOTA_NAMESPACE_RATE);
    check(held == NULL);
    request.patience_ns = 10 * NS_PER_S;
    check_i64(quotas_ask(rig.quotas, &request, &held, &wait_ns), QUOTA_LATER);
    check_i64(wait_ns, 2 * NS_PER_S);
    check_i64(quotas_ask(rig.quotas, &request, &held, &wait_ns), QUOTA_TOO_MANY);
    check_i64(quotas_ask_process(rig.quotas, &request), QUOTA_GRANTED);
    rig_load(&rig, "frontend.rps:\n- value: 0\n");
    request.namespace_name = SLICE_LIT("b");
    check_i64(quotas_ask(rig.quotas, &request, &held, &wait_ns), QUOTA_PROCESS_RATE);
    check_i64(quotas_ask_process(rig.quotas, &request), QUOTA_PROCESS_RATE);
    rig_release(&rig);
}

TEST(test_bucket_without_a_rate_gives_nothing_and_a_huge_one_all)
{
    struct bucket none = {0}, all = {0};

    check(!bucket_take(&none, bucket_rate_of(0, 10), NS_PER_S));
    check(!bucket_take(&none, bucket_rate_of(10, 0), NS_PER_S));
    check(!bucket_take(&none, bucket_rate_of(-1, 10), NS_PER_S));
    for (int i = 0; i < 100; i++)
        check(bucket_take(&all, bucket_rate_of(1e12, 1), NS_PER_S));
    check(bucket_take(&all, bucket_rate_of(1e-12, 1), NS_PER_S));
    check(!bucket_take(&all, bucket_rate_of(1e-12, 1), NS_PER_S));
}

TEST(test_quotas_of_the_defaults)
{
    struct rig rig;

    rig_init(&rig);
    check_i64(granted_until(&rig, "a", "StartWorkflowExecution", QUOTA_NAMESPACE_RATE), 4800);
    check_i64(ask(&rig, "b", "StartWorkflowExecution", false), QUOTA_PROCESS_RATE);
    check_i64(granted_until(&rig, "a", "ListWorkflowExecutions", QUOTA_NAMESPACE_RATE), 10);
    check_i64(granted_until(&rig, "b", "CountWorkflowExecutions", QUOTA_NAMESPACE_RATE), 10);
    check_i64(granted_until(&rig, "new", "RegisterNamespace", QUOTA_PROCESS_RATE), 40);
    rig.now_ns += NS_PER_S;
    check_i64(granted_until(&rig, "a", "ListWorkflowExecutions", QUOTA_NAMESPACE_RATE), 10);
    /* what has no rate is never refused */
    for (int i = 0; i < 10000; i++)
        check_i64(ask(&rig, "", "AddSearchAttributes", false), QUOTA_GRANTED);
    rig_release(&rig);
}

TEST(test_quotas_what_is_important_takes_from_what_is_less)
{
    struct rig rig;

    rig_init(&rig);
    rig_load(&rig, "frontend.namespaceRPS: [{value: 10}]\n");
    for (int i = 0; i < 15; i++)
        check_i64(ask(&rig, "a", "SignalWorkflowExecution", false), QUOTA_GRANTED);
    check_i64(granted_until(&rig, "a", "PollWorkflowTaskQueue", QUOTA_NAMESPACE_RATE), 5);
    check_i64(granted_until(&rig, "a", "SignalWorkflowExecution", QUOTA_NAMESPACE_RATE), 5);
    /* polls of 5 owe what the signals took */
    rig.now_ns += 500 * NS_PER_MS;
    check_i64(granted_until(&rig, "a", "PollWorkflowTaskQueue", QUOTA_NAMESPACE_RATE), 0);
    check_i64(granted_until(&rig, "a", "SignalWorkflowExecution", QUOTA_NAMESPACE_RATE), 5);
    /* operators have a part of their own, as much at once, back at a fifth of the rate */
    int count = 0;
    while (ask(&rig, "a", "DescribeWorkflowExecution", true) == QUOTA_GRANTED)
        count++;
    check_i64(count, 20);
    rig.now_ns += NS_PER_S;
    for (count = 0; ask(&rig, "a", "DescribeWorkflowExecution", true) == QUOTA_GRANTED;)
        count++;
    check_i64(count, 2);
    rig_release(&rig);
}

TEST(test_quotas_follow_the_file_and_the_number_of_frontends)
{
    struct rig rig;

    rig_init(&rig);
    rig_load(&rig, "frontend.globalNamespaceRPS: [{value: 40}, "
                   "{value: 8, constraints: {namespace: small}}]\n"
                   "frontend.namespaceBurstRatio: [{value: 1}]\n");
    check_i64(granted_until(&rig, "a", "StartWorkflowExecution", QUOTA_NAMESPACE_RATE), 40);
    check_i64(granted_until(&rig, "small", "StartWorkflowExecution", QUOTA_NAMESPACE_RATE), 8);
    rig.frontends = 4;
    rig.now_ns += 10 * NS_PER_S;
    check_i64(granted_until(&rig, "a", "StartWorkflowExecution", QUOTA_NAMESPACE_RATE), 10);
    check_i64(granted_until(&rig, "small", "StartWorkflowExecution", QUOTA_NAMESPACE_RATE), 2);
    rig_load(&rig, "frontend.rps: [{value: 3}]\n");
    rig.now_ns += 100 * NS_PER_S;
    check_i64(granted_until(&rig, "a", "StartWorkflowExecution", QUOTA_PROCESS_RATE), 6);
    rig_release(&rig);
}

TEST(test_quotas_count_what_is_under_way_for_each_method)
{
    struct rig rig;
    atomic_int *held[3], *more;
    int64_t wait_ns;

    rig_init(&rig);
    rig_load(&rig, "frontend.namespaceCount: [{value: 2}]\n");
    struct quota_request request = {.namespace_name = SLICE_LIT("a"),
                                    .of_namespace = quota_method_of("PollWorkflowTaskQueue"),
                                    .of_process = quota_method_of("PollWorkflowTaskQueue"),
                                    .now_mono_ns = rig.now_ns};
    check_i64(quotas_ask(rig.quotas, &request, &held[0], &wait_ns), QUOTA_GRANTED);
    check_i64(quotas_ask(rig.quotas, &request, &held[1], &wait_ns), QUOTA_GRANTED);
    check_i64(quotas_ask(rig.quotas, &request, &more, &wait_ns), QUOTA_TOO_MANY);
    check(more == NULL);
    request.of_namespace = quota_method_of("PollActivityTaskQueue");
    check_i64(quotas_ask(rig.quotas, &request, &held[2], &wait_ns), QUOTA_GRANTED);
    quotas_let_go(held[0]);
    request.of_namespace = quota_method_of("PollWorkflowTaskQueue");
    check_i64(quotas_ask(rig.quotas, &request, &held[0], &wait_ns), QUOTA_GRANTED);
    request.namespace_name = SLICE_LIT("b");
    check_i64(quotas_ask(rig.quotas, &request, &more, &wait_ns), QUOTA_GRANTED);
    for (size_t i = 0; i < COUNT_OF(held); i++)
        quotas_let_go(held[i]);
    quotas_let_go(more);
    rig_release(&rig);
}
