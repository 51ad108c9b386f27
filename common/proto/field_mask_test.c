/* field_mask_test.c - paths in their JSON form, and whether a mask names one. */
#include "common/proto/field_mask.h"

#include "api.h"
#include "tests/lib/test.h"

TEST(test_field_mask_paths_become_json_names)
{
    static const char *const cases[][2] = {
        {"priority", "priority"},
        {"retry_policy.initial_interval", "retryPolicy.initialInterval"},
        {"task_queue.name", "taskQueue.name"},
        {"", ""},
        {"a.", "a."},
        {"_x", "X"},
    };
    struct arena arena;

    arena_init(&arena);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_str(proto_mask_json_path(&arena, cases[i][0]), cases[i][1]);
    arena_release(&arena);
}

TEST(test_field_mask_names_whole_paths_and_parts)
{
    char timeout[] = "heartbeat_timeout", key[] = "priority.fairness_key";
    char *paths[] = {timeout, key};
    pb_field_mask mask = PB_FIELD_MASK_INIT;
    struct arena arena;

    arena_init(&arena);
    mask.paths = paths;
    mask.n_paths = COUNT_OF(paths);
    check(proto_mask_names(&arena, &mask, "heartbeatTimeout"));
    check(!proto_mask_names(&arena, &mask, "priority"));
    check(proto_mask_names_part_of(&arena, &mask, "priority."));
    check(!proto_mask_names_part_of(&arena, &mask, "retryPolicy."));
    arena_release(&arena);
}
