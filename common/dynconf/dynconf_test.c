/* dynconf_test.c - what a file means to a look-up, what is refused, and look-ups beside loads. */
#include "common/dynconf/dynconf.h"
#include "tests/lib/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

struct rig {
    struct dynconf *dc;
    struct buf warnings;
    struct err_detail detail;
};

static void rig_init(struct rig *rig)
{
    *rig = (struct rig){.dc = dynconf_new()};
    buf_init(&rig->warnings, 0);
}

static void rig_release(struct rig *rig)
{
    buf_release(&rig->warnings);
    dynconf_free(rig->dc);
}

static enum err load(struct rig *rig, const char *text)
{
    buf_clear(&rig->warnings);
    return dynconf_load(rig->dc, slice_str(text), &rig->warnings, &rig->detail);
}

static bool warned(const struct rig *rig, const char *words)
{
    return rig->warnings.len > 0 &&
           memmem(rig->warnings.ptr, rig->warnings.len, words, strlen(words)) != NULL;
}

static int64_t blob_limit(const struct rig *rig, const char *ns)
{
    return dynconf_int(rig->dc, DYNCONF_LIMIT_BLOB_SIZE_ERROR, slice_str(ns));
}

TEST(test_dynconf_without_a_file_gives_the_defaults)
{
    struct rig rig;

    rig_init(&rig);
    check_i64(blob_limit(&rig, "x"), 2097152);
    check_i64(dynconf_duration(rig.dc, DYNCONF_HISTORY_WFT_HEARTBEAT_TIMEOUT, SLICE_EMPTY),
              1800 * NS_PER_S);
    check(!dynconf_bool(rig.dc, DYNCONF_SYSTEM_CROSS_NAMESPACE_COMMANDS, SLICE_EMPTY));
    check_i64(dynconf_int(NULL, DYNCONF_LIMIT_MAX_ID_LENGTH, SLICE_EMPTY), 1000);
    check_ok(load(&rig, ""));
    check_ok(load(&rig, "# nothing\n"));
    check_ok(load(&rig, "limit.blobSize.error:\n"));
    check_i64(blob_limit(&rig, "x"), 2097152);
    check_i64(rig.warnings.len, 0);
    rig_release(&rig);
}

TEST(test_dynconf_the_best_constraint_counts_and_names_have_no_case)
{
    static const char file[] = "LIMIT.blobsize.ERROR:\n"
                               "- value: 10\n"
                               "- value: 20\n"
                               "  constraints:\n"
                               "    Namespace: one\n"
                               "- value: 30\n"
                               "  constraints: {namespace: \"two\"}\n"
                               "- value: 40\n"
                               "  constraints: {namespace: two}\n"
                               "- value: 50\n"
                               "  constraints: {}\n";
    struct rig rig;

    rig_init(&rig);
    check_ok(load(&rig, file));
    check_i64(blob_limit(&rig, "one"), 20);
    check_i64(blob_limit(&rig, "two"), 30);
    check_i64(blob_limit(&rig, "One"), 10);
    check_i64(blob_limit(&rig, ""), 10);
    check_i64(rig.warnings.len, 0);
    /* an entry for one namespace alone leaves the default to the others */
    check_ok(load(&rig, "limit.blobSize.error: [{value: 5, constraints: {namespace: one}}]"));
    check_i64(blob_limit(&rig, "one"), 5);
    check_i64(blob_limit(&rig, "two"), 2097152);
    rig_release(&rig);
}

TEST(test_dynconf_a_wrong_type_means_the_default_and_warns)
{
    static const char *const wrong[] = {"\"12\"", "1.5", "true", "[1]", "{a: 1}", "", "1 2"};
    struct rig rig;
    char text[200];

    rig_init(&rig);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        snprintf(text, sizeof text, "limit.blobSize.error:\n  - value: %s\n", wrong[i]);
        check_ok(load(&rig, text));
        check_i64(blob_limit(&rig, "x"), 2097152);
        check(warned(&rig, "line 2: the value of limit.blobSize.error must be a whole number"));
    }
    rig_release(&rig);
}

TEST(test_dynconf_unknown_keys_and_constraints_that_never_match_warn)
{
    struct rig rig;

    rig_init(&rig);
    check_ok(load(&rig, "frontend.noSuchKey:\n  - value: 1\n    constraints: {shardID: 3}\n"));
    check(warned(&rig, "unknown key \"frontend.noSuchKey\""));
    check_ok(load(&rig, "limit.maxIDLength:\n"
                        "  - value: 7\n"
                        "    constraints: {namespace: a}\n"));
    check(warned(&rig, "constraint \"namespace\" isn't valid for dynamic config key"));
    check_i64(dynconf_int(rig.dc, DYNCONF_LIMIT_MAX_ID_LENGTH, SLICE_LIT("a")), 1000);
    rig_release(&rig);
}

TEST(test_dynconf_a_bad_file_changes_nothing)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"limit.blobSize.error: [", "line 2: did not find expected"},
        {"- a\n- b\n", "line 1: there must be a map of keys"},
        {"limit.blobSize.error: 5\n", "must be a list of {value, constraints}"},
        {"limit.blobSize.error: [5]\n", "must be a list of {value, constraints}"},
        {"a: []\na: []\n", "line 2: the key a is there already"},
        {"a: [{value: 1, constraints: {galaxy: 1}}]", "unknown constraint type \"galaxy\""},
        {"a: [{value: 1, constraints: {namespace: 1}}]", "namespace constraint must be string"},
        {"a: [{value: 1, constraints: {shardID: x}}]", "shardID constraint must be integer"},
        {"a: [{value: 1, constraints: {taskType: x}}]", "taskType constraint must be"},
        {"a: [{value: 1, constraints: 3}]", "constraints must be a map"},
        {"a: &x\n  - value: *x\n", "too deep"},
        {"a: \x01", "line"},
    };
    struct rig rig;

    rig_init(&rig);
    check_ok(load(&rig, "limit.blobSize.error: [{value: 77}]"));
    const uint64_t version = dynconf_version(rig.dc);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        check_err(load(&rig, bad[i].text), ERR_INVALID);
        if (!strstr(rig.detail.text, bad[i].why))
            test_failed(__FILE__, __LINE__, "%s: %s", bad[i].text, rig.detail.text);
    }
    check_i64(blob_limit(&rig, "x"), 77);
    check_i64(dynconf_version(rig.dc), version);
    rig_release(&rig);
}

TEST(test_dynconf_scalars_are_read_as_the_reference_reads_them)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t ns;
    } durations[] = {
        {"10s", true, 10 * NS_PER_S},
        {"1m", true, 60 * NS_PER_S},
        {"1h30m", true, 5400 * NS_PER_S},
        {"1.5h", true, 5400 * NS_PER_S},
        {"2d", true, 172800 * NS_PER_S},
        {"250ms", true, 250 * NS_PER_MS},
        {"7us", true, 7000},
        {"7\xc2\xb5s", true, 7000},
        {"9ns", true, 9},
        {"-3s", true, -3 * NS_PER_S},
        {"42", true, 42 * NS_PER_S},
        {"1.5", true, 3 * NS_PER_S / 2},
        {"0", true, 0},
        {"", false, 0},
        {"s", false, 0},
        {"10x", false, 0},
        {"1s2", false, 0},
        {"1..5s", false, 0},
        {"-", false, 0},
        {"99999999999h", false, 0},
    };
    struct arena arena;
    struct dynval tree;
    struct err_detail detail;
    int64_t ns;

    for (size_t i = 0; i < COUNT_OF(durations); i++) {
        const bool ok = dynval_parse_duration(slice_str(durations[i].text), &ns);

        if (ok != durations[i].ok || (ok && ns != durations[i].ns))
            test_failed(__FILE__, __LINE__, "%s", durations[i].text);
    }
    arena_init(&arena);
    check_ok(dynval_parse(&arena,
                          SLICE_LIT("[1_000, 0x1F, -5, 1.5, true, 'true', ~, yes, 1e3, '7', 0o17]"),
                          &tree, &detail));
    check_i64(tree.count, 11);
    check_i64(tree.items[0].value.integer, 1000);
    check_i64(tree.items[1].value.integer, 31);
    check_i64(tree.items[2].value.integer, -5);
    check(tree.items[3].value.kind == DYNVAL_FLOAT);
    check(tree.items[4].value.kind == DYNVAL_BOOL);
    check(tree.items[5].value.kind == DYNVAL_STRING);
    check(tree.items[6].value.kind == DYNVAL_NULL);
    check(tree.items[7].value.kind == DYNVAL_STRING);
    check(tree.items[8].value.kind == DYNVAL_FLOAT);
    check(tree.items[9].value.kind == DYNVAL_STRING);
    check_i64(tree.items[10].value.integer, 15);
    check(dynval_to_duration(&tree.items[3].value, &ns) && ns == 3 * NS_PER_S / 2);
    arena_release(&arena);
}

TEST(test_dynconf_bombs_of_aliases_are_refused)
{
    struct buf text;
    struct rig rig;

    rig_init(&rig);
    buf_init(&text, 0);
    buf_printf(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 8; i++)
        buf_printf(&text, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i,
                   i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    check_err(dynconf_load(rig.dc, buf_slice(&text), &rig.warnings, &rig.detail), ERR_INVALID);
    check(strstr(rig.detail.text, "too many values") != NULL);
    buf_release(&text);
    rig_release(&rig);
}

/* ---- look-ups while another thread loads ---- */

static atomic_bool stop_reading;

static void *read_on(void *arg)
{
    const struct dynconf *dc = arg;
    int64_t wrong = 0;

    while (!atomic_load(&stop_reading)) {
        const int64_t one = dynconf_int(dc, DYNCONF_LIMIT_BLOB_SIZE_ERROR, SLICE_LIT("one"));
        const int64_t plain = dynconf_int(dc, DYNCONF_LIMIT_MEMO_SIZE_ERROR, SLICE_LIT("one"));

        wrong += (one != 11 && one != 12) + (plain != 21 && plain != 22);
    }
    return (void *)(uintptr_t)wrong;
}

TEST(test_dynconf_look_ups_beside_loads_see_one_or_the_other)
{
    static const char *const files[] = {
        "limit.blobSize.error: [{value: 1}, {value: 11, constraints: {namespace: one}}]\n"
        "limit.memoSize.error: [{value: 21}]\n",
        "limit.blobSize.error: [{value: 2}, {value: 12, constraints: {namespace: one}}]\n"
        "limit.memoSize.error: [{value: 22}]\n",
    };
    pthread_t readers[2];
    void *wrong;
    struct rig rig;

    rig_init(&rig);
    check_ok(load(&rig, files[0]));
    atomic_store(&stop_reading, false);
    for (size_t i = 0; i < COUNT_OF(readers); i++)
        must(pthread_create(&readers[i], NULL, read_on, rig.dc) == 0);
    for (size_t i = 0; i < 2000; i++)
        check_ok(load(&rig, files[i % 2]));
    atomic_store(&stop_reading, true);
    for (size_t i = 0; i < COUNT_OF(readers); i++) {
        must(pthread_join(readers[i], &wrong) == 0);
        check_i64((uintptr_t)wrong, 0);
    }
    rig_release(&rig);
}
