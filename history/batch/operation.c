/* operation.c - see operation.h. */
#include "history/batch/operation.h"

#include "common/base/hash.h"
#include "common/base/rng.h"
#include "common/proto/wire.h"

#include <string.h>

enum { PAGE_EVENTS = 256 };

#define TARGET(name) TEMPORAL__API__COMMON__V1__RESET_OPTIONS__TARGET_##name

int32_t batch_operation_type(const api_start_batch_operation_request *request)
{
    switch ((int)request->operation_case) {
    case BATCH_OPERATION(TERMINATION_OPERATION):
        return BATCH_OPERATION_TYPE_TERMINATE_WORKFLOW;
    case BATCH_OPERATION(SIGNAL_OPERATION):
        return BATCH_OPERATION_TYPE_SIGNAL_WORKFLOW;
    case BATCH_OPERATION(CANCELLATION_OPERATION):
        return BATCH_OPERATION_TYPE_CANCEL_WORKFLOW;
    case BATCH_OPERATION(DELETION_OPERATION):
        return BATCH_OPERATION_TYPE_DELETE_WORKFLOW;
    case BATCH_OPERATION(RESET_OPERATION):
        return BATCH_OPERATION_TYPE_RESET_WORKFLOW;
    case BATCH_OPERATION(UPDATE_WORKFLOW_OPTIONS_OPERATION):
        return BATCH_OPERATION_TYPE_UPDATE_WORKFLOW_EXECUTION_OPTIONS;
    case BATCH_OPERATION(UNPAUSE_ACTIVITIES_OPERATION):
        return BATCH_OPERATION_TYPE_UNPAUSE_ACTIVITY;
    case BATCH_OPERATION(RESET_ACTIVITIES_OPERATION):
        return BATCH_OPERATION_TYPE_RESET_ACTIVITY;
    case BATCH_OPERATION(UPDATE_ACTIVITY_OPTIONS_OPERATION):
        return BATCH_OPERATION_TYPE_UPDATE_ACTIVITY_OPTIONS;
    default:
        return BATCH_OPERATION_TYPE_UNSPECIFIED;
    }
}

const char *batch_operation_identity(const api_start_batch_operation_request *request)
{
    switch ((int)request->operation_case) {
    case BATCH_OPERATION(TERMINATION_OPERATION):
        return request->termination_operation->identity;
    case BATCH_OPERATION(SIGNAL_OPERATION):
        return request->signal_operation->identity;
    case BATCH_OPERATION(CANCELLATION_OPERATION):
        return request->cancellation_operation->identity;
    case BATCH_OPERATION(DELETION_OPERATION):
        return request->deletion_operation->identity;
    case BATCH_OPERATION(RESET_OPERATION):
        return request->reset_operation->identity;
    case BATCH_OPERATION(UPDATE_WORKFLOW_OPTIONS_OPERATION):
        return request->update_workflow_options_operation->identity;
    case BATCH_OPERATION(UNPAUSE_ACTIVITIES_OPERATION):
        return request->unpause_activities_operation->identity;
    case BATCH_OPERATION(RESET_ACTIVITIES_OPERATION):
        return request->reset_activities_operation->identity;
    case BATCH_OPERATION(UPDATE_ACTIVITY_OPTIONS_OPERATION):
        return request->update_activity_options_operation->identity;
    default:
        return "";
    }
}

static api_common_workflow_execution *
execution_of(struct arena *arena, const struct batch_target *target, struct slice run_id)
{
    api_common_workflow_execution *execution = ARENA_NEW(arena, api_common_workflow_execution);

    *execution = (api_common_workflow_execution)API_COMMON_WORKFLOW_EXECUTION_INIT;
    execution->workflow_id = arena_str(arena, target->workflow_id);
    execution->run_id = arena_str(arena, run_id);
    return execution;
}

/* -- where a reset goes ---------------------------------------------------------------------- */

enum batch_lookup batch_lookup_of(const api_start_batch_operation_request *request)
{
    if (request->operation_case != BATCH_OPERATION(RESET_OPERATION))
        return BATCH_LOOKUP_NONE;
    const api_batch_operation_reset *reset = request->reset_operation;
    if (!reset->options)
        return reset->reset_type == RESET_TYPE_FIRST_WORKFLOW_TASK ? BATCH_LOOKUP_FIRST_TASK
                                                                   : BATCH_LOOKUP_LAST_TASK;
    switch ((int)reset->options->target_case) {
    case TARGET(FIRST_WORKFLOW_TASK):
        return BATCH_LOOKUP_FIRST_TASK;
    case TARGET(LAST_WORKFLOW_TASK):
        return BATCH_LOOKUP_LAST_TASK;
    case TARGET(BUILD_ID):
        return BATCH_LOOKUP_BUILD_ID;
    default:
        return BATCH_LOOKUP_NONE;
    }
}

static struct batch_call first_task_call(struct arena *arena, const struct batch_target *target,
                                         struct slice page_token)
{
    api_get_workflow_execution_history_request get =
        API_GET_WORKFLOW_EXECUTION_HISTORY_REQUEST_INIT;

    get.execution = execution_of(arena, target, target->run_id);
    get.maximum_page_size = PAGE_EVENTS;
    get.next_page_token.data = (uint8_t *)arena_str(arena, page_token);
    get.next_page_token.len = page_token.len;
    return (struct batch_call){METHOD_HISTORY_GET_HISTORY, proto_encode(arena, &get)};
}

static struct batch_call last_task_call(struct arena *arena, const struct batch_target *target,
                                        struct slice page_token)
{
    api_get_workflow_execution_history_reverse_request get =
        API_GET_WORKFLOW_EXECUTION_HISTORY_REVERSE_REQUEST_INIT;

    get.execution = execution_of(arena, target, target->run_id);
    get.maximum_page_size = PAGE_EVENTS;
    get.next_page_token.data = (uint8_t *)arena_str(arena, page_token);
    get.next_page_token.len = page_token.len;
    return (struct batch_call){METHOD_HISTORY_GET_HISTORY_REVERSE, proto_encode(arena, &get)};
}

struct batch_call batch_lookup_call(struct arena *arena,
                                    const api_start_batch_operation_request *request,
                                    const struct batch_target *target, struct slice page_token)
{
    api_describe_workflow_execution_request describe = API_DESCRIBE_WORKFLOW_EXECUTION_REQUEST_INIT;

    switch (batch_lookup_of(request)) {
    case BATCH_LOOKUP_FIRST_TASK:
        return first_task_call(arena, target, page_token);
    case BATCH_LOOKUP_LAST_TASK:
        return last_task_call(arena, target, page_token);
    case BATCH_LOOKUP_BUILD_ID:
        describe.execution = execution_of(arena, target, target->run_id);
        return (struct batch_call){METHOD_HISTORY_DESCRIBE, proto_encode(arena, &describe)};
    case BATCH_LOOKUP_NONE:
        break;
    }
    must(!"this operation looks nothing up");
    return (struct batch_call){METHOD_NONE, SLICE_EMPTY};
}

/* The point as these events of a page have it. Spec: a Completed event decides; without any it is
 * the event behind the first Scheduled one. Gives true when it is decided. */
static bool take_events(const api_history *history, bool first, struct batch_reset_point *point)
{
    for (size_t i = 0; history && i < history->n_events; i++) {
        const api_history_event *event = history->events[i];

        if (event->event_type == EVENT_TYPE_WORKFLOW_TASK_COMPLETED) {
            point->event_id = event->event_id;
            return true;
        }
        if (event->event_type == EVENT_TYPE_WORKFLOW_TASK_SCHEDULED &&
            (!first || point->event_id == 0))
            point->event_id = event->event_id + 1;
    }
    return false;
}

static enum err take_raw(struct arena *arena, api_data_blob *const *blobs, size_t count, bool first,
                         struct batch_reset_point *point, bool *decided)
{
    for (size_t i = 0; i < count && !*decided; i++) {
        api_history *history;
        const enum err err =
            proto_decode(arena, &api_history__desc,
                         slice_of(blobs[i]->data.data, blobs[i]->data.len), &history, NULL);

        if (err != ERR_OK)
            return err;
        *decided = take_events(history, first, point);
    }
    return ERR_OK;
}

static enum err no_task(struct err_detail *detail)
{
    return err_fail(detail, ERR_INVALID, "unable to find any scheduled or completed task");
}

static enum err take_page(struct arena *arena, struct slice answer, struct batch_reset_point *point,
                          struct slice *page_token, struct err_detail *detail)
{
    api_get_workflow_execution_history_response *page;
    bool decided;
    enum err err = proto_decode(arena, &api_get_workflow_execution_history_response__desc, answer,
                                &page, detail);

    if (err != ERR_OK)
        return err;
    decided = take_events(page->history, true, point);
    err = take_raw(arena, page->raw_history, page->n_raw_history, true, point, &decided);
    if (err != ERR_OK)
        return err;
    if (!decided)
        *page_token = slice_of(page->next_page_token.data, page->next_page_token.len);
    return page_token->len == 0 && point->event_id == 0 ? no_task(detail) : ERR_OK;
}

static enum err take_reverse_page(struct arena *arena, struct slice answer,
                                  struct batch_reset_point *point, struct slice *page_token,
                                  struct err_detail *detail)
{
    api_get_workflow_execution_history_reverse_response *page;
    const enum err err = proto_decode(
        arena, &api_get_workflow_execution_history_reverse_response__desc, answer, &page, detail);

    if (err != ERR_OK)
        return err;
    if (!take_events(page->history, false, point))
        *page_token = slice_of(page->next_page_token.data, page->next_page_token.len);
    return page_token->len == 0 && point->event_id == 0 ? no_task(detail) : ERR_OK;
}

static bool is_before(const pb_timestamp *at, int64_t now_ns)
{
    return at->seconds < now_ns / 1000000000 ||
           (at->seconds == now_ns / 1000000000 && at->nanos < now_ns % 1000000000);
}

static enum err take_description(struct arena *arena,
                                 const api_start_batch_operation_request *request,
                                 struct slice answer, int64_t now_ns,
                                 struct batch_reset_point *point, struct err_detail *detail)
{
    const api_reset_options *options = request->reset_operation->options;
    api_describe_workflow_execution_response *described;
    const enum err err = proto_decode(arena, &api_describe_workflow_execution_response__desc,
                                      answer, &described, detail);

    if (err != ERR_OK)
        return err;
    const api_workflow_execution_info *info = described->workflow_execution_info;
    const api_reset_points *points = info ? info->auto_reset_points : NULL;
    for (size_t i = 0; points && i < points->n_points; i++) {
        const api_reset_point_info *at = points->points[i];

        if (strcmp(at->build_id, options->build_id) != 0)
            continue;
        if (!at->resettable)
            return err_fail(detail, ERR_INVALID, "Reset point for %s is not resettable",
                            options->build_id);
        if (at->expire_time && is_before(at->expire_time, now_ns))
            return err_fail(detail, ERR_INVALID, "Reset point for %s is expired",
                            options->build_id);
        if (options->current_run_only && strcmp(info->execution->run_id, at->run_id) != 0)
            return err_fail(detail, ERR_INVALID,
                            "Reset point for %s points to previous run and CurrentRunOnly is set",
                            options->build_id);
        *point =
            (struct batch_reset_point){at->first_workflow_task_completed_id, slice_str(at->run_id)};
        return ERR_OK;
    }
    return err_fail(detail, ERR_INVALID, "Can't find reset point for %s", options->build_id);
}

enum err batch_lookup_answered(struct arena *arena,
                               const api_start_batch_operation_request *request,
                               const struct batch_target *target, struct slice answer,
                               int64_t now_ns, struct batch_reset_point *point,
                               struct slice *page_token, struct err_detail *detail)
{
    *page_token = SLICE_EMPTY;
    UNUSED(target);
    switch (batch_lookup_of(request)) {
    case BATCH_LOOKUP_FIRST_TASK:
        return take_page(arena, answer, point, page_token, detail);
    case BATCH_LOOKUP_LAST_TASK:
        return take_reverse_page(arena, answer, point, page_token, detail);
    case BATCH_LOOKUP_BUILD_ID:
        return take_description(arena, request, answer, now_ns, point, detail);
    case BATCH_LOOKUP_NONE:
        break;
    }
    must(!"this operation looks nothing up");
    return ERR_INTERNAL;
}

/* -- the operation --------------------------------------------------------------------------- */

/* A UUID's form of what identifies a call. */
static char *request_id(struct arena *arena, struct slice key, const struct batch_target *target)
{
    uint8_t bytes[16];
    struct buf text;

    buf_init(&text, 0);
    buf_append_slice(&text, key);
    buf_append(&text, "", 1);
    buf_append_slice(&text, target->workflow_id);
    buf_append(&text, "", 1);
    buf_append_slice(&text, target->run_id);
    must(buf_ok(&text));
    be64_put(bytes, hash_bytes(buf_slice(&text), 1));
    be64_put(bytes + 8, hash_bytes(buf_slice(&text), 2));
    buf_release(&text);
    char *id = arena_alloc(arena, UUID_TEXT_LEN + 1);
    uuid_format(bytes, id);
    return id;
}

static struct batch_call signal_call(struct arena *arena,
                                     const api_start_batch_operation_request *request,
                                     api_common_workflow_execution *execution, char *id)
{
    const api_batch_operation_signal *operation = request->signal_operation;
    api_signal_workflow_execution_request signal = API_SIGNAL_WORKFLOW_EXECUTION_REQUEST_INIT;

    signal.namespace_ = request->namespace_;
    signal.workflow_execution = execution;
    signal.signal_name = operation->signal;
    signal.input = operation->input;
    signal.header = operation->header;
    signal.identity = operation->identity;
    signal.request_id = id;
    return (struct batch_call){METHOD_HISTORY_SIGNAL_WORKFLOW, proto_encode(arena, &signal)};
}

static struct batch_call reset_call(struct arena *arena,
                                    const api_start_batch_operation_request *request,
                                    api_common_workflow_execution *execution, char *id,
                                    const struct batch_reset_point *point)
{
    const api_batch_operation_reset *operation = request->reset_operation;
    const api_reset_options *options = operation->options;
    api_reset_workflow_execution_request reset = API_RESET_WORKFLOW_EXECUTION_REQUEST_INIT;

    if (point->run_id.len > 0)
        execution->run_id = arena_str(arena, point->run_id);
    reset.namespace_ = request->namespace_;
    reset.workflow_execution = execution;
    reset.reason = request->reason;
    reset.request_id = id;
    reset.workflow_task_finish_event_id =
        options && options->target_case == TARGET(WORKFLOW_TASK_ID) ? options->workflow_task_id
                                                                    : point->event_id;
    reset.reset_reapply_type =
        options ? options->reset_reapply_type : operation->reset_reapply_type;
    if (options) {
        reset.n_reset_reapply_exclude_types = options->n_reset_reapply_exclude_types;
        reset.reset_reapply_exclude_types = options->reset_reapply_exclude_types;
    }
    reset.n_post_reset_operations = operation->n_post_reset_operations;
    reset.post_reset_operations = operation->post_reset_operations;
    reset.identity = operation->identity;
    return (struct batch_call){METHOD_HISTORY_RESET_WORKFLOW, proto_encode(arena, &reset)};
}

static struct batch_call unpause_call(struct arena *arena,
                                      const api_start_batch_operation_request *request,
                                      api_common_workflow_execution *execution)
{
    const api_batch_operation_unpause_activities *operation = request->unpause_activities_operation;
    api_unpause_activity_request unpause = API_UNPAUSE_ACTIVITY_REQUEST_INIT;

    unpause.namespace_ = request->namespace_;
    unpause.execution = execution;
    unpause.identity = operation->identity;
    unpause.reset_attempts = operation->reset_attempts;
    unpause.reset_heartbeat = operation->reset_heartbeat;
    unpause.jitter = operation->jitter;
    if (operation->activity_case ==
        TEMPORAL__API__BATCH__V1__BATCH_OPERATION_UNPAUSE_ACTIVITIES__ACTIVITY_TYPE) {
        unpause.activity_case =
            TEMPORAL__API__WORKFLOWSERVICE__V1__UNPAUSE_ACTIVITY_REQUEST__ACTIVITY_TYPE;
        unpause.type = operation->type;
    } else {
        unpause.activity_case =
            TEMPORAL__API__WORKFLOWSERVICE__V1__UNPAUSE_ACTIVITY_REQUEST__ACTIVITY_UNPAUSE_ALL;
        unpause.unpause_all = true;
    }
    return (struct batch_call){METHOD_HISTORY_UNPAUSE_ACTIVITY, proto_encode(arena, &unpause)};
}

static struct batch_call reset_activities_call(struct arena *arena,
                                               const api_start_batch_operation_request *request,
                                               api_common_workflow_execution *execution)
{
    const api_batch_operation_reset_activities *operation = request->reset_activities_operation;
    api_reset_activity_request reset = API_RESET_ACTIVITY_REQUEST_INIT;

    reset.namespace_ = request->namespace_;
    reset.execution = execution;
    reset.identity = operation->identity;
    reset.reset_heartbeat = operation->reset_heartbeat;
    reset.jitter = operation->jitter;
    reset.keep_paused = operation->keep_paused;
    reset.restore_original_options = operation->restore_original_options;
    if (operation->activity_case ==
        TEMPORAL__API__BATCH__V1__BATCH_OPERATION_RESET_ACTIVITIES__ACTIVITY_TYPE) {
        reset.activity_case =
            TEMPORAL__API__WORKFLOWSERVICE__V1__RESET_ACTIVITY_REQUEST__ACTIVITY_TYPE;
        reset.type = operation->type;
    } else {
        reset.activity_case =
            TEMPORAL__API__WORKFLOWSERVICE__V1__RESET_ACTIVITY_REQUEST__ACTIVITY_MATCH_ALL;
        reset.match_all = true;
    }
    return (struct batch_call){METHOD_HISTORY_RESET_ACTIVITY, proto_encode(arena, &reset)};
}

static struct batch_call update_activities_call(struct arena *arena,
                                                const api_start_batch_operation_request *request,
                                                api_common_workflow_execution *execution)
{
    const api_batch_operation_update_activity_options *operation =
        request->update_activity_options_operation;
    api_update_activity_options_request update = API_UPDATE_ACTIVITY_OPTIONS_REQUEST_INIT;

    update.namespace_ = request->namespace_;
    update.execution = execution;
    update.identity = operation->identity;
    update.activity_options = operation->activity_options;
    update.update_mask = operation->update_mask;
    update.restore_original = operation->restore_original;
    if (operation->activity_case ==
        TEMPORAL__API__BATCH__V1__BATCH_OPERATION_UPDATE_ACTIVITY_OPTIONS__ACTIVITY_TYPE) {
        update.activity_case =
            TEMPORAL__API__WORKFLOWSERVICE__V1__UPDATE_ACTIVITY_OPTIONS_REQUEST__ACTIVITY_TYPE;
        update.type = operation->type;
    } else {
        update.activity_case =
            TEMPORAL__API__WORKFLOWSERVICE__V1__UPDATE_ACTIVITY_OPTIONS_REQUEST__ACTIVITY_MATCH_ALL;
        update.match_all = true;
    }
    return (struct batch_call){METHOD_HISTORY_UPDATE_ACTIVITY_OPTIONS,
                               proto_encode(arena, &update)};
}

static struct batch_call plain_call(struct arena *arena,
                                    const api_start_batch_operation_request *request,
                                    api_common_workflow_execution *execution, char *id)
{
    api_terminate_workflow_execution_request terminate =
        API_TERMINATE_WORKFLOW_EXECUTION_REQUEST_INIT;
    api_request_cancel_workflow_execution_request cancel =
        API_REQUEST_CANCEL_WORKFLOW_EXECUTION_REQUEST_INIT;
    api_delete_workflow_execution_request delete = API_DELETE_WORKFLOW_EXECUTION_REQUEST_INIT;
    api_update_workflow_execution_options_request update =
        API_UPDATE_WORKFLOW_EXECUTION_OPTIONS_REQUEST_INIT;

    switch ((int)request->operation_case) {
    case BATCH_OPERATION(TERMINATION_OPERATION):
        terminate.namespace_ = request->namespace_;
        terminate.workflow_execution = execution;
        terminate.reason = request->reason;
        terminate.details = request->termination_operation->details;
        terminate.identity = request->termination_operation->identity;
        return (struct batch_call){METHOD_HISTORY_TERMINATE, proto_encode(arena, &terminate)};
    case BATCH_OPERATION(CANCELLATION_OPERATION):
        cancel.namespace_ = request->namespace_;
        cancel.workflow_execution = execution;
        cancel.identity = request->cancellation_operation->identity;
        cancel.request_id = id;
        return (struct batch_call){METHOD_HISTORY_REQUEST_CANCEL, proto_encode(arena, &cancel)};
    case BATCH_OPERATION(DELETION_OPERATION):
        delete.namespace_ = request->namespace_;
        delete.workflow_execution = execution;
        return (struct batch_call){METHOD_HISTORY_DELETE_WORKFLOW, proto_encode(arena, &delete)};
    default:
        must(request->operation_case == BATCH_OPERATION(UPDATE_WORKFLOW_OPTIONS_OPERATION));
        update.namespace_ = request->namespace_;
        update.workflow_execution = execution;
        update.workflow_execution_options =
            request->update_workflow_options_operation->workflow_execution_options;
        update.update_mask = request->update_workflow_options_operation->update_mask;
        update.identity = request->update_workflow_options_operation->identity;
        return (struct batch_call){METHOD_HISTORY_UPDATE_OPTIONS, proto_encode(arena, &update)};
    }
}

struct batch_call batch_operation_call(struct arena *arena,
                                       const api_start_batch_operation_request *request,
                                       struct slice key, const struct batch_target *target,
                                       const struct batch_reset_point *point)
{
    api_common_workflow_execution *execution = execution_of(arena, target, target->run_id);
    char *id = request_id(arena, key, target);

    switch ((int)request->operation_case) {
    case BATCH_OPERATION(SIGNAL_OPERATION):
        return signal_call(arena, request, execution, id);
    case BATCH_OPERATION(RESET_OPERATION):
        return reset_call(arena, request, execution, id, point);
    case BATCH_OPERATION(UNPAUSE_ACTIVITIES_OPERATION):
        return unpause_call(arena, request, execution);
    case BATCH_OPERATION(RESET_ACTIVITIES_OPERATION):
        return reset_activities_call(arena, request, execution);
    case BATCH_OPERATION(UPDATE_ACTIVITY_OPTIONS_OPERATION):
        return update_activities_call(arena, request, execution);
    default:
        return plain_call(arena, request, execution, id);
    }
}
