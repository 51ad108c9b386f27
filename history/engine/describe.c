/* describe.c - what a run looks like from outside: Describe, and the row that List shows. */
#include "history/engine/engine_int.h"

#include "common/proto/wire.h"
#include "history/engine/callback.h"
#include "history/engine/child.h"
#include "history/engine/external_payloads.h"
#include "history/engine/message_splice.h"
#include "history/engine/reset_points.h"
#include "history/engine/update_item.h"
#include "history/engine/versioning.h"

#include <stdlib.h>

static pb_timestamp *timestamp(struct arena *arena, int64_t ns)
{
    return ns ? proto_timestamp(arena, ns) : NULL;
}

static api_common_workflow_execution *execution_of(const struct run *run, struct arena *arena)
{
    api_common_workflow_execution *execution =
        engine_message(arena, &api_common_workflow_execution__desc);

    execution->workflow_id = arena_str(arena, run->workflow_id);
    execution->run_id = arena_str(arena, slice_str(run->run_id));
    return execution;
}

/* A stored message goes in as the bytes that it is; an absent one as an empty message. */
static void splice(struct arena *arena, ProtobufCMessage *message, const char *field_name,
                   struct slice bytes)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, field_name);

    must(field != NULL);
    message_splice(arena, message, field->id, bytes);
}

static api_common_workflow_execution *other_execution(struct arena *arena, struct slice workflow_id,
                                                      struct slice run_id)
{
    api_common_workflow_execution *execution =
        engine_message(arena, &api_common_workflow_execution__desc);

    execution->workflow_id = arena_str(arena, workflow_id);
    execution->run_id = arena_str(arena, run_id);
    return execution;
}

/* `attributes`: encoded SearchAttributes. */
static api_workflow_execution_info *info_of(const struct run *run, struct arena *arena,
                                            struct slice attributes)
{
    api_workflow_execution_info *info = engine_message(arena, &api_workflow_execution_info__desc);

    info->execution = execution_of(run, arena);
    info->type = engine_message(arena, &api_workflow_type__desc);
    info->type->name = arena_str(arena, run->workflow_type);
    info->start_time = timestamp(arena, run->start_ns);
    info->execution_time = timestamp(arena, run->execution_ns);
    info->status = (Temporal__Api__Enums__V1__WorkflowExecutionStatus)run->status;
    info->task_queue = arena_str(arena, run->task_queue);
    info->root_execution = run->root_workflow_id.len > 0
                               ? other_execution(arena, run->root_workflow_id, run->root_run_id)
                               : info->execution;
    if (run->parent_workflow_id.len > 0)
        info->parent_execution =
            other_execution(arena, run->parent_workflow_id, run->parent_run_id);
    if (run->close_ns != 0) {
        info->close_time = timestamp(arena, run->close_ns);
        info->execution_duration = proto_duration(arena, run->close_ns - run->execution_ns);
    }
    if (run->memo.len > 0)
        splice(arena, &info->base, "memo", bytes_slice(run->memo));
    else
        info->memo = engine_message(arena, &api_memo__desc);
    if (attributes.len > 0)
        splice(arena, &info->base, "search_attributes", attributes);
    else
        info->search_attributes = engine_message(arena, &api_search_attributes__desc);
    return info;
}

static void add_counts(const struct run *run, api_workflow_execution_info *info)
{
    info->history_length = run->next_event_id - 1;
    info->history_size_bytes = run->history_size_bytes;
    info->state_transition_count = run->state_transition_count;
}

struct slice engine_execution_info(const struct run *run, struct arena *arena)
{
    struct slice attributes = run_shown_search_attributes(run, arena);

    if (!run_is_open(run))
        attributes = external_payloads_attributes(run, arena, attributes);
    api_workflow_execution_info *info = info_of(run, arena, attributes);
    if (!run_is_open(run)) /* of an open run they would be out of date at once */
        add_counts(run, info);
    return proto_encode(arena, info);
}

/* Spec: a time-out of zero is shown where the Started event has it. */
static pb_duration *shown_timeout(struct arena *arena, int64_t timeout_ns, bool told)
{
    return told || timeout_ns > 0 ? proto_duration(arena, timeout_ns) : NULL;
}

static api_workflow_execution_config *config_of(const struct run *run, struct arena *arena)
{
    api_workflow_execution_config *config =
        engine_message(arena, &api_workflow_execution_config__desc);

    config->task_queue = engine_message(arena, &api_task_queue__desc);
    config->task_queue->name = arena_str(arena, run->task_queue);
    config->task_queue->kind = TASK_QUEUE_KIND_NORMAL;
    config->workflow_execution_timeout =
        shown_timeout(arena, run->execution_timeout_ns, run->execution_timeout_told);
    config->workflow_run_timeout = shown_timeout(arena, run->run_timeout_ns, run->run_timeout_told);
    config->default_workflow_task_timeout = proto_duration(arena, run->task_timeout_ns);
    if (run->user_metadata_empty)
        config->user_metadata = engine_message(arena, &api_user_metadata__desc);
    splice(arena, &config->base, "user_metadata", run->user_metadata);
    return config;
}

static api_pending_workflow_task_info *pending_task_of(const struct run *run, struct arena *arena)
{
    const struct workflow_task *wft = &run->wft;

    if (wft->state == WFT_NONE)
        return NULL;
    api_pending_workflow_task_info *pending =
        engine_message(arena, &api_pending_workflow_task_info__desc);
    pending->state = PENDING_WORKFLOW_TASK_STATE_SCHEDULED;
    pending->scheduled_time = timestamp(arena, wft->scheduled_ns);
    pending->original_scheduled_time = timestamp(arena, wft->original_scheduled_ns);
    pending->attempt = wft->attempt;
    if (wft->state == WFT_STARTED && !run_task_is_undelivered(run)) {
        pending->state = PENDING_WORKFLOW_TASK_STATE_STARTED;
        pending->started_time = timestamp(arena, wft->started_ns);
    }
    return pending;
}

/* Spec: the reference writes the zero of its clock where a run never expires. */
static pb_timestamp *no_time(struct arena *arena)
{
    pb_timestamp *time = engine_message(arena, &google__protobuf__timestamp__descriptor);

    time->seconds = -62135596800; /* 0001-01-01 */
    return time;
}

static api_workflow_execution_pause_info *pause_of(const struct run *run, struct arena *arena)
{
    api_workflow_execution_pause_info *pause =
        engine_message(arena, &api_workflow_execution_pause_info__desc);

    pause->identity = arena_str(arena, bytes_slice(run->pause_identity));
    pause->paused_time = timestamp(arena, run->paused_ns);
    pause->reason = arena_str(arena, bytes_slice(run->pause_reason));
    return pause;
}

static api_workflow_execution_extended_info *extended_of(const struct run *run, struct arena *arena)
{
    typedef Temporal__Api__Workflow__V1__WorkflowExecutionExtendedInfo__RequestIdInfosEntry entry;
    api_workflow_execution_extended_info *extended =
        engine_message(arena, &api_workflow_execution_extended_info__desc);
    entry *start = engine_message(
        arena,
        &temporal__api__workflow__v1__workflow_execution_extended_info__request_id_infos_entry__descriptor);

    extended->execution_expiration_time = timestamp(arena, run->execution_expires_ns);
    extended->run_expiration_time =
        run->run_expires_ns ? timestamp(arena, run->run_expires_ns) : no_time(arena);
    extended->original_start_time =
        timestamp(arena, run->original_start_ns ? run->original_start_ns : run->start_ns);
    if (run->original_start_ns)
        extended->last_reset_time = timestamp(arena, run->start_ns);
    extended->reset_run_id = arena_str(arena, slice_str(run->reset_run_id));
    extended->cancel_requested = run->cancel_requested;
    if (run->paused_ns != 0)
        extended->pause_info = pause_of(run, arena);
    start->key = arena_str(arena, slice_str(run->start_request_id));
    start->value = engine_message(arena, &api_request_id_info__desc);
    start->value->event_type = EVENT_TYPE_WORKFLOW_EXECUTION_STARTED;
    /* Spec: a signal that comes with the start has its request id, and the reference its event; not
     * so once a reset has gone through the history. */
    start->value->event_id = !run->original_start_ns && map_get(&run->signal_request_ids,
                                                                slice_str(run->start_request_id))
                                 ? 2
                                 : 1;
    extended->request_id_infos =
        ARENA_ARRAY(arena, entry *, 1 + run->attached_requests.count + run->updates.count);
    extended->request_id_infos[extended->n_request_id_infos++] = start;
    for (struct map_node *it = map_next(&run->attached_requests, NULL); it;
         it = map_next(&run->attached_requests, it)) {
        const struct attached_request *attached = CONTAINER_OF(it, struct attached_request, node);
        entry *info = engine_message(arena, start->base.descriptor);

        info->key = arena_str(arena, bytes_slice(attached->id));
        info->value = engine_message(arena, &api_request_id_info__desc);
        info->value->event_type = EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED;
        info->value->event_id = attached->event_id;
        info->value->buffered = attached->event_id == 0;
        extended->request_id_infos[extended->n_request_id_infos++] = info;
    }
    for (struct map_node *it = map_next(&run->updates, NULL); it;
         it = map_next(&run->updates, it)) {
        const struct update *update = CONTAINER_OF(it, struct update, node);
        int32_t type;
        const int64_t event_id = update_request_event(update, &type);
        if (update->request_id.len == 0 || event_id == 0)
            continue;
        entry *info = engine_message(arena, start->base.descriptor);
        info->key = arena_str(arena, bytes_slice(update->request_id));
        info->value = engine_message(arena, &api_request_id_info__desc);
        info->value->event_type = (Temporal__Api__Enums__V1__EventType)type;
        info->value->event_id = event_id;
        extended->request_id_infos[extended->n_request_id_infos++] = info;
    }
    return extended;
}

static int by_event(const void *left, const void *right)
{
    const api_pending_child_execution_info *const *a = left, *const *b = right;

    return (*a)->initiated_id < (*b)->initiated_id ? -1 : (*a)->initiated_id > (*b)->initiated_id;
}

static void describe_children(const struct run *run, struct arena *arena,
                              api_describe_workflow_execution_response *out)
{
    if (run->children.count == 0)
        return;
    out->pending_children =
        ARENA_ARRAY(arena, api_pending_child_execution_info *, run->children.count);
    for (struct map_node *it = map_next(&run->children, NULL); it;
         it = map_next(&run->children, it)) {
        const struct child *child = CONTAINER_OF(it, struct child, node);
        api_pending_child_execution_info *info =
            engine_message(arena, &api_pending_child_execution_info__desc);

        info->workflow_id = arena_str(arena, bytes_slice(child->workflow_id));
        info->run_id = arena_str(arena, bytes_slice(child->run_id));
        info->workflow_type_name = arena_str(arena, bytes_slice(child->workflow_type));
        info->initiated_id = child->initiated_event_id;
        info->parent_close_policy =
            (Temporal__Api__Enums__V1__ParentClosePolicy)child->parent_close_policy;
        out->pending_children[out->n_pending_children++] = info;
    }
    qsort(out->pending_children, out->n_pending_children, sizeof(void *), by_event);
}

static void describe_versioning(const struct run *run, struct arena *arena,
                                api_workflow_execution_info *info)
{
    api_versioning_override *override =
        engine_decode(arena, &api_versioning_override__desc, bytes_slice(run->versioning_override));

    info->versioning_info = engine_message(arena, &api_workflow_execution_versioning_info__desc);
    if (run->versioning_override.len == 0)
        return;
    must(override != NULL);
    if (override->auto_upgrade) /* Spec: the deprecated form is shown, too */
        override->behavior =
            (Temporal__Api__Enums__V1__VersioningBehavior)VERSIONING_BEHAVIOR_AUTO_UPGRADE;
    info->versioning_info->versioning_override = override;
}

struct slice engine_describe(struct run *run, struct arena *arena, int64_t now_ns)
{
    api_describe_workflow_execution_response *out =
        engine_message(arena, &api_describe_workflow_execution_response__desc);

    out->execution_config = config_of(run, arena);
    out->workflow_execution_info = info_of(run, arena, run_shown_search_attributes(run, arena));
    add_counts(run, out->workflow_execution_info);
    out->workflow_execution_info->external_payload_count = run->external_payload_count;
    out->workflow_execution_info->external_payload_size_bytes = run->external_payload_bytes;
    out->workflow_execution_info->first_run_id = arena_str(arena, slice_str(run->first_run_id));
    if (run->parent_namespace_id.len > 0) /* a list does not show it */
        out->workflow_execution_info->parent_namespace_id =
            arena_str(arena, run->parent_namespace_id);
    splice(arena, &out->workflow_execution_info->base, "priority", bytes_slice(run->priority));
    splice(arena, &out->workflow_execution_info->base, "most_recent_worker_version_stamp",
           bytes_slice(run->worker_version_stamp));
    if (run->reset_points.len > 0)
        splice(arena, &out->workflow_execution_info->base, "auto_reset_points",
               run_shown_reset_points(run, arena));
    else
        out->workflow_execution_info->auto_reset_points =
            engine_message(arena, &api_reset_points__desc);
    out->pending_workflow_task = pending_task_of(run, arena);
    out->workflow_extended_info = extended_of(run, arena);
    engine_describe_activities(run, arena, now_ns, out);
    describe_children(run, arena, out);
    run_callbacks_describe(run, arena, out);
    if (run->override_known)
        describe_versioning(run, arena, out->workflow_execution_info);
    run_describe_deployment(run, arena, out->workflow_execution_info);
    return proto_encode(arena, out);
}
