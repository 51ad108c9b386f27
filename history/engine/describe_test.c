/* describe_test.c - what a run looks like from outside, and what its events carry: the same as the
 * reference's, attribute by attribute (tests/oracle compares the whole). */
#include "history/engine/engine_rig.h"
#include "history/engine/reset_points.h"

static api_describe_workflow_execution_response *describe(struct rig *rig)
{
    api_describe_workflow_execution_response *d =
        engine_decode(&rig->arena, &api_describe_workflow_execution_response__desc,
                      engine_describe(rig->run, &rig->arena, rig->now_ns));

    must(d != NULL);
    return d;
}

static api_workflow_execution_info *listed(struct rig *rig)
{
    api_workflow_execution_info *info =
        engine_decode(&rig->arena, &api_workflow_execution_info__desc,
                      engine_execution_info(rig->run, &rig->arena));

    must(info != NULL);
    return info;
}

static api_history_event *event_of(struct rig *rig, size_t number)
{
    size_t count;
    api_history_event **events =
        engine_decode_events(&rig->arena, buf_slice(&rig->history), &count);

    must(events != NULL && number >= 1 && number <= count);
    return events[number - 1];
}

/* The value of a search attribute as text; NULL: not there. */
static const char *attribute(struct rig *rig, const api_search_attributes *attributes,
                             const char *name)
{
    for (size_t i = 0; i < attributes->n_indexed_fields; i++)
        if (strcmp(attributes->indexed_fields[i]->key, name) == 0)
            return arena_str(&rig->arena, slice_of(attributes->indexed_fields[i]->value->data.data,
                                                   attributes->indexed_fields[i]->value->data.len));
    return NULL;
}

TEST(test_describe_leaves_unset_time_outs_out)
{
    struct rig rig;

    rig_init(&rig, "no time-outs");
    rig_run(&rig, "start");
    const api_workflow_execution_started_event_attributes *started =
        event_of(&rig, 1)->workflow_execution_started_event_attributes;
    check(!started->workflow_execution_timeout && !started->workflow_run_timeout);
    check(started->workflow_task_timeout && started->first_workflow_task_backoff);
    const api_describe_workflow_execution_response *d = describe(&rig);
    check(!d->execution_config->workflow_execution_timeout);
    check(!d->execution_config->workflow_run_timeout);
    check(!d->workflow_extended_info->execution_expiration_time);
    check_i64(d->workflow_extended_info->run_expiration_time->seconds, -62135596800);
    rig_release(&rig);

    rig_init(&rig, "a run time-out");
    rig_run(&rig, "start:run=60");
    started = event_of(&rig, 1)->workflow_execution_started_event_attributes;
    check_i64(started->workflow_run_timeout->seconds, 60);
    d = describe(&rig);
    check_i64(d->execution_config->workflow_run_timeout->seconds, 60);
    check(d->workflow_extended_info->run_expiration_time->seconds > 0);
    rig_release(&rig);
}

TEST(test_describe_tells_empty_metadata_from_none)
{
    struct rig rig;

    rig_init(&rig, "metadata that say nothing");
    rig_run(&rig, "start:nosummary=1");
    const api_describe_workflow_execution_response *d = describe(&rig);
    must(d->execution_config->user_metadata != NULL);
    check(d->execution_config->user_metadata->summary == NULL);
    rig_run(&rig, "poll done:can");
    check(describe(&rig)->execution_config->user_metadata == NULL); /* of the next run: none */
    rig_release(&rig);
}

TEST(test_describe_shows_the_first_task_of_a_build_as_a_reset_point)
{
    struct rig rig;

    rig_init(&rig, "reset points");
    rig_run(&rig, "start");
    check_i64((int64_t)describe(&rig)->workflow_execution_info->auto_reset_points->n_points, 0);
    check(!attribute(&rig, describe(&rig)->workflow_execution_info->search_attributes, "BuildIds"));
    rig_run(&rig, "poll done signal=s poll done");
    const api_workflow_execution_info *info = describe(&rig)->workflow_execution_info;
    check_i64((int64_t)info->auto_reset_points->n_points, 1); /* one build, one point */
    check_i64(info->auto_reset_points->points[0]->first_workflow_task_completed_id, 4);
    check_str(info->auto_reset_points->points[0]->run_id, rig.run->run_id);
    check(info->auto_reset_points->points[0]->resettable);
    check_str(attribute(&rig, info->search_attributes, "BuildIds"), "[\"unversioned\"]");
    check_str(attribute(&rig, listed(&rig)->search_attributes, "BuildIds"), "[\"unversioned\"]");
    rig_release(&rig);

    rig_init(&rig, "a failed task leaves none");
    rig_run(&rig, "start poll done:nomark!INVALID");
    check_i64((int64_t)describe(&rig)->workflow_execution_info->auto_reset_points->n_points, 0);
    rig_release(&rig);
}

TEST(test_a_point_is_no_point_to_reset_to_while_another_execution_has_to_answer)
{
    static const char *const pending[] = {"child=c", "sigx=o", "canx=o"};

    for (size_t i = 0; i < COUNT_OF(pending); i++) {
        api_worker_version_stamp stamp = API_WORKER_VERSION_STAMP_INIT;
        api_workflow_task_completed_event_attributes completed =
            API_WORKFLOW_TASK_COMPLETED_EVENT_ATTRIBUTES_INIT;
        char build[] = "b", script[64];
        struct rig rig;

        stamp.build_id = build;
        completed.worker_version = &stamp;
        rig_init(&rig, pending[i]);
        snprintf(script, sizeof(script), "start poll done:%s", pending[i]);
        rig_run(&rig, script);
        struct slice before = arena_copy(&rig.arena, bytes_slice(rig.run->reset_points));
        check(run_add_reset_point(rig.run, &rig.arena, &completed, 9, rig.now_ns));
        check(!run_same_reset_points(before, bytes_slice(rig.run->reset_points)));
        api_reset_points *points =
            engine_decode(&rig.arena, &api_reset_points__desc, bytes_slice(rig.run->reset_points));
        check_i64((int64_t)points->n_points, 2);
        check(points->points[0]->resettable && !points->points[1]->resettable);
        points->points[1]->resettable = true;
        check(run_same_reset_points(proto_encode(&rig.arena, points),
                                    bytes_slice(rig.run->reset_points)));
        rig_release(&rig);
    }
}

TEST(test_a_sticky_worker_that_is_gone_is_no_step_of_the_run)
{
    struct rig rig;

    rig_init(&rig, "no sticky poller");
    rig_run(&rig, "start poll sdone signal=s");
    const int64_t before = rig.run->state_transition_count;
    rig_run(&rig, "nosticky");
    check_i64(rig.run->state_transition_count, before);
    rig_run(&rig, "poll");
    check_i64(rig.run->state_transition_count, before + 1);
    rig_release(&rig);
}

TEST(test_describe_keeps_the_task_that_nobody_started)
{
    struct rig rig;

    rig_init(&rig, "terminated while scheduled");
    rig_run(&rig, "start term");
    const api_describe_workflow_execution_response *d = describe(&rig);
    must(d->pending_workflow_task != NULL);
    check_i64(d->pending_workflow_task->state, PENDING_WORKFLOW_TASK_STATE_SCHEDULED);
    check_i64(engine_deadline_ns(rig.run), 0);
    check_i64((int64_t)rig.task_count, 0);
    rig_release(&rig);

    rig_init(&rig, "terminated while started");
    rig_run(&rig, "start poll term");
    check(!describe(&rig)->pending_workflow_task);
    rig_release(&rig);
}

TEST(test_describe_names_a_reason_that_was_not_given)
{
    struct rig rig;

    rig_init(&rig, "no reason");
    rig_run(&rig, "start term");
    check_str(event_of(&rig, 3)->workflow_execution_terminated_event_attributes->reason,
              "terminated by user via frontend");
    check_str(event_of(&rig, 3)->workflow_execution_terminated_event_attributes->identity,
              "frontend-service");
    rig_release(&rig);
}

TEST(test_search_attributes_are_set_replaced_and_removed)
{
    struct rig rig;

    rig_init(&rig, "upsert");
    rig_run(&rig, "start poll done:attr=BatcherUser,attr=TemporalChangeVersion,timer=t/60");
    check_i64(event_of(&rig, 5)->event_type, EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES);
    const api_search_attributes *shown = describe(&rig)->workflow_execution_info->search_attributes;
    check_str(attribute(&rig, shown, "BatcherUser"), "[\"BatcherUser\"]");
    check_str(attribute(&rig, shown, "TemporalChangeVersion"), "[\"TemporalChangeVersion\"]");
    check_str(attribute(&rig, listed(&rig)->search_attributes, "BatcherUser"), "[\"BatcherUser\"]");

    rig_run(&rig, "signal=s poll done:unattr=BatcherUser,attr=BuildIds,badattr!INVALID");
    check_str(rig.detail.text, "BadSearchAttributes: Namespace default has no mapping defined for "
                               "search attribute Nobody");
    shown = describe(&rig)->workflow_execution_info->search_attributes;
    check_str(attribute(&rig, shown, "BatcherUser"), "[\"BatcherUser\"]"); /* nothing of it */

    rig_run(&rig, "poll done:unattr=BatcherUser");
    shown = describe(&rig)->workflow_execution_info->search_attributes;
    check(!attribute(&rig, shown, "BatcherUser"));
    check(attribute(&rig, shown, "TemporalChangeVersion") != NULL);
    rig_release(&rig);
}

TEST(test_an_inline_task_begins_where_its_worker_stands)
{
    struct rig rig;

    rig_init(&rig, "inline");
    rig_run(&rig, "start poll hdone:mark=m");
    must(rig.started != NULL);
    check_i64(rig.started->history_from, 4); /* the answer's own Completed event */
    rig_release(&rig);
}

TEST(test_a_task_failed_by_a_reset_is_no_attempt_of_its_worker)
{
    struct rig rig;
    static const int causes[] = {WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW,
                                 WORKFLOW_TASK_FAILED_CAUSE_FAILOVER_CLOSE_COMMAND};

    for (size_t i = 0; i < COUNT_OF(causes); i++) {
        rig_init(&rig, "cause");
        rig_run(&rig, arena_printf(&rig.arena, "start poll wfail=%d", causes[i]));
        check_i64(rig.run->wft.attempt, 1);
        check_i64(event_of(&rig, 5)->event_type, EVENT_TYPE_WORKFLOW_TASK_SCHEDULED);
        rig_run(&rig, "poll done:complete");
        rig_release(&rig);
    }
}
