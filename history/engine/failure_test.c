/* failure_test.c - which failures permit a retry, and how large ones are cut. */
#include "history/engine/failure.h"

#include "common/proto/wire.h"
#include "tests/lib/test.h"

static api_failure_failure *application(struct arena *arena, const char *type, bool non_retryable)
{
    api_failure_failure *failure = ARENA_NEW(arena, api_failure_failure);
    api_application_failure_info *info = ARENA_NEW(arena, api_application_failure_info);

    *failure = (api_failure_failure)API_FAILURE_FAILURE_INIT;
    *info = (api_application_failure_info)API_APPLICATION_FAILURE_INFO_INIT;
    failure->failure_info_case = API_FAILURE_FAILURE_INFO_APPLICATION_FAILURE_INFO;
    failure->application_failure_info = info;
    info->type = arena_str(arena, slice_str(type));
    info->non_retryable = non_retryable;
    return failure;
}

TEST(failure_kinds_that_permit_a_retry)
{
    struct arena arena;
    char listed[] = "E", heartbeat[] = "TemporalTimeout:Heartbeat";
    char *types[] = {listed, heartbeat};
    api_retry_policy policy = API_RETRY_POLICY_INIT;
    api_failure_failure canceled = API_FAILURE_FAILURE_INIT, wrapper = API_FAILURE_FAILURE_INIT;

    arena_init(&arena);
    policy.n_non_retryable_error_types = COUNT_OF(types);
    policy.non_retryable_error_types = types;
    canceled.failure_info_case = API_FAILURE_FAILURE_INFO_CANCELED_FAILURE_INFO;
    wrapper.failure_info_case = API_FAILURE_FAILURE_INFO_ACTIVITY_FAILURE_INFO;
    const struct {
        const char *name;
        const api_failure_failure *failure;
        bool want;
    } cases[] = {
        {"none", NULL, true},
        {"application", application(&arena, "F", false), true},
        {"application, flagged", application(&arena, "F", true), false},
        {"application, listed", application(&arena, "E", false), false},
        {"application, a prefix of a listed one", application(&arena, "", false), true},
        {"start to close", failure_timeout(&arena, "", TIMEOUT_TYPE_START_TO_CLOSE), true},
        {"heartbeat, listed", failure_timeout(&arena, "", TIMEOUT_TYPE_HEARTBEAT), false},
        {"schedule to start", failure_timeout(&arena, "", TIMEOUT_TYPE_SCHEDULE_TO_START), false},
        {"schedule to close", failure_timeout(&arena, "", TIMEOUT_TYPE_SCHEDULE_TO_CLOSE), false},
        {"server", failure_server(&arena, "", false), true},
        {"server, flagged", failure_server(&arena, "", true), false},
        {"canceled", &canceled, false},
        {"a wrapper", &wrapper, true},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_i64_at(__FILE__, __LINE__, cases[i].name,
                     failure_is_retryable(cases[i].failure, &policy), cases[i].want);
    check(failure_is_retryable(failure_timeout(&arena, "", TIMEOUT_TYPE_HEARTBEAT), NULL));
    arena_release(&arena);
}

TEST(failure_timeout_types_have_two_names)
{
    check_i64(failure_timeout_type_of("StartToClose"), TIMEOUT_TYPE_START_TO_CLOSE);
    check_i64(failure_timeout_type_of("TIMEOUT_TYPE_HEARTBEAT"), TIMEOUT_TYPE_HEARTBEAT);
    check_i64(failure_timeout_type_of("Unspecified"), TIMEOUT_TYPE_UNSPECIFIED);
    check_i64(failure_timeout_type_of(""), TIMEOUT_TYPE_UNSPECIFIED);
    check_str(failure_timeout_type_name(TIMEOUT_TYPE_SCHEDULE_TO_START), "ScheduleToStart");
    check_str(failure_timeout_type_name(99), "");
}

enum { STORED_MAX = 4096 };

static api_failure_failure *stored(struct arena *arena, const api_failure_failure *failure)
{
    api_failure_failure *out = NULL;
    const struct slice bytes = failure_for_storage(arena, failure, STORED_MAX);

    check(bytes.len <= STORED_MAX + 64);
    check_ok(proto_decode(arena, &api_failure_failure__desc, bytes, &out, NULL));
    must(out != NULL);
    return out;
}

TEST(failure_that_is_too_large_keeps_its_beginning)
{
    struct arena arena;
    char *text;

    arena_init(&arena);
    api_failure_failure *small = application(&arena, "E", false);
    small->message = arena_str(&arena, SLICE_LIT("boom"));
    check_str(stored(&arena, small)->message, "boom");
    check_i64(failure_for_storage(&arena, NULL, STORED_MAX).len, 0);

    text = arena_alloc(&arena, 9000);
    for (size_t i = 0; i + 2 < 9000; i += 2) /* two-byte characters: none may be cut */
        memcpy(text + i, "\xc3\xa9", 2);
    text[8998] = '\0';
    api_failure_failure *large = application(&arena, "E", true);
    large->message = text;
    large->cause = small;
    const api_failure_failure *cut = stored(&arena, large);
    check_str(cut->message, "Failure exceeds size limit.");
    check_i64(cut->failure_info_case, API_FAILURE_FAILURE_INFO_SERVER_FAILURE_INFO);
    must(cut->cause != NULL);
    check_i64(cut->cause->failure_info_case, API_FAILURE_FAILURE_INFO_APPLICATION_FAILURE_INFO);
    check_str(cut->cause->application_failure_info->type, "E");
    check(cut->cause->application_failure_info->non_retryable);
    check(strlen(cut->cause->message) > 4000);
    check(wire_utf8_ok(slice_str(cut->cause->message)));
    arena_release(&arena);
}

TEST(failure_with_many_causes_is_cut_at_a_depth)
{
    struct arena arena;
    api_failure_failure *outer = NULL;
    int depth = 0;

    arena_init(&arena);
    for (int i = 0; i < 90; i++) {
        api_failure_failure *failure =
            application(&arena, "a type of some length, ninety times", false);

        failure->message = arena_str(&arena, SLICE_LIT("a message of some length as well"));
        failure->cause = outer;
        outer = failure;
    }
    for (const api_failure_failure *f = stored(&arena, outer); f; f = f->cause)
        depth++;
    check_i64(depth, 22); /* the server's, the failure, twenty causes */
    arena_release(&arena);
}
