/* versioning_test.c - what is kept and shown of the deployment that completed the last task. */
#include "history/engine/versioning.h"

#include "history/engine/engine_rig.h"
#include "history/engine/options.h"

struct told {
    struct rig rig;
    api_worker_deployment_version version;
    api_workflow_task_completed_event_attributes completed;
};

static void told_init(struct told *told, const char *build_id, int behavior)
{
    rig_init(&told->rig, "deployment");
    rig_run(&told->rig, "start");
    told->version = (api_worker_deployment_version)API_WORKER_DEPLOYMENT_VERSION_INIT;
    told->version.deployment_name = arena_str(&told->rig.arena, SLICE_LIT("d"));
    told->version.build_id = arena_str(&told->rig.arena, slice_str(build_id));
    told->completed = (api_workflow_task_completed_event_attributes)
        API_WORKFLOW_TASK_COMPLETED_EVENT_ATTRIBUTES_INIT;
    told->completed.worker_deployment_name = told->version.deployment_name;
    told->completed.deployment_version = &told->version;
    told->completed.versioning_behavior = (Temporal__Api__Enums__V1__VersioningBehavior)behavior;
}

static bool note(struct told *told)
{
    return run_note_deployment(told->rig.run, &told->rig.arena, &told->completed);
}

static const char *builds(struct told *told)
{
    struct buf list;

    buf_init(&list, 0);
    run_list_deployment(told->rig.run, &told->rig.arena, &list);
    const char *text = arena_str(&told->rig.arena, buf_slice(&list));
    buf_release(&list);
    return text;
}

TEST(test_a_version_is_shown_while_it_is_the_last_and_remembered_for_good)
{
    struct told told;
    api_workflow_execution_info info = API_WORKFLOW_EXECUTION_INFO_INIT;

    told_init(&told, "b\"1", VERSIONING_BEHAVIOR_PINNED);
    struct run *run = told.rig.run;
    check_str(builds(&told), "\"unversioned\"");
    check(note(&told) && !note(&told));
    check_str(builds(&told), "\"pinned:d:b\\\"1\"");
    check(run_used_version(run, "b\"1") && !run_used_version(run, "b"));
    run_describe_deployment(run, &told.rig.arena, &info);
    check_str(info.worker_deployment_name, "d");
    check_str(info.versioning_info->version, "d.b\"1");

    told.completed.versioning_behavior = VERSIONING_BEHAVIOR_AUTO_UPGRADE;
    check(note(&told));
    check_str(builds(&told), "");

    told.completed.deployment_version = NULL; /* an unversioned worker of the deployment */
    told.completed.versioning_behavior = VERSIONING_BEHAVIOR_UNSPECIFIED;
    check(note(&told));
    check_str(builds(&told), "\"unversioned\"");
    info = (api_workflow_execution_info)API_WORKFLOW_EXECUTION_INFO_INIT;
    run_describe_deployment(run, &told.rig.arena, &info);
    check(info.versioning_info && !info.versioning_info->deployment_version);
    check(run_used_version(run, "b\"1"));
    rig_release(&told.rig);
}

TEST(test_used_versions_are_bounded)
{
    struct told told;

    told_init(&told, "b", VERSIONING_BEHAVIOR_AUTO_UPGRADE);
    for (int i = 0; i < 1000; i++) {
        told.version.build_id = arena_printf(&told.rig.arena, "build-%d", i);
        check(note(&told));
    }
    check(told.rig.run->used_versions.len <= 2048);
    check(run_used_version(told.rig.run, "build-0"));
    rig_release(&told.rig);
}

TEST(test_a_priority_that_changes_often_takes_no_more_memory)
{
    api_workflow_execution_options_updated_event_attributes attributes =
        API_WORKFLOW_EXECUTION_OPTIONS_UPDATED_EVENT_ATTRIBUTES_INIT;
    api_priority priority = API_PRIORITY_INIT;
    api_history_event event = API_HISTORY_EVENT_INIT;
    struct rig rig;
    char key[64];

    rig_init(&rig, "priority");
    rig_run(&rig, "start");
    attributes.attached_request_id = arena_str(&rig.arena, SLICE_EMPTY);
    attributes.priority = &priority;
    priority.fairness_key = key;
    event.event_id = 3;
    event.event_type = EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED;
    event.attributes_case =
        API_HISTORY_EVENT_ATTRIBUTES_WORKFLOW_EXECUTION_OPTIONS_UPDATED_EVENT_ATTRIBUTES;
    event.workflow_execution_options_updated_event_attributes = &attributes;
    const size_t before = rig.run->arena.used_bytes;
    for (int i = 0; i < 1000; i++) {
        priority.priority_key = 1 + i % 5;
        (void)snprintf(key, sizeof key, "key-%d", i);
        run_options_apply(rig.run, &rig.arena, &event, true);
    }
    check_i64((int64_t)rig.run->arena.used_bytes, (int64_t)before);
    check_slice(bytes_slice(rig.run->priority), proto_encode(&rig.arena, &priority));
    rig_release(&rig);
}
