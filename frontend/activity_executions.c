/* activity_executions.c - what clients do to one activity, named by its id and its workflow's:
 * pause, unpause, reset, change its options.
 *
 * With a workflow id these are PauseActivity and its siblings (activities.c) in other messages; the
 * answers have the same fields. Without one they mean an activity of its own, which there is none
 * of. Spec: the checks, their order and texts are the reference server's. */
#include "common/proto/field_mask.h"
#include "common/proto/retry_policy.h"
#include "common/proto/wire.h"
#include "frontend/handlers.h"
#include "frontend/validate.h"

/* The fields that the four requests share. */
struct target {
    char *workflow_id, *run_id, *activity_id;
    const char *identity;
};

/* As the reference refuses where the setting for activities of their own is at its default. */
static enum err check_target(struct fe_call *fc, const struct target *target,
                             const char *request_id)
{
    const struct {
        const char *name, *text;
    } texts[] = {
        {"request ID", request_id},
        {"activity ID", target->activity_id},
        {"identity", target->identity},
    };
    const size_t limit = fe_id_bytes_max(fc);
    uint8_t uuid[16];

    if (target->workflow_id[0] == '\0')
        return err_fail(&fc->detail, ERR_UNIMPLEMENTED,
                        "Standalone activity operator commands are disabled");
    if (target->activity_id[0] == '\0' && strlen(request_id) <= limit)
        return err_fail(&fc->detail, ERR_INVALID, "activity ID is required");
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (strlen(texts[i].text) > limit)
            return err_fail(&fc->detail, ERR_INVALID,
                            "%s exceeds length limit. Length=%zu Limit=%zu", texts[i].name,
                            strlen(texts[i].text), limit);
    if (target->run_id[0] != '\0' && !uuid_parse(slice_str(target->run_id), uuid))
        return err_fail(&fc->detail, ERR_INVALID, "invalid run id: must be a valid UUID");
    return ERR_OK;
}

static enum err forward(struct fe_call *fc, enum mesh_method method, const struct target *target,
                        const void *message)
{
    return fe_forward_history(fc,
                              &(struct fe_to_history){.method = method,
                                                      .workflow_id = target->workflow_id,
                                                      .request = proto_encode(fc->arena, message),
                                                      .repeatable = true});
}

#define TARGET_OF(req)                                                                             \
    {                                                                                              \
        .workflow_id = (req)->workflow_id, .run_id = (req)->run_id,                                \
        .activity_id = (req)->activity_id, .identity = (req)->identity                             \
    }

static void name_execution(api_common_workflow_execution *execution, const struct target *target)
{
    execution->workflow_id = target->workflow_id;
    execution->run_id = target->run_id;
}

enum err fe_pause_activity_execution(struct fe_call *fc)
{
    const api_pause_activity_execution_request *req = fc->request;
    const struct target target = TARGET_OF(req);
    api_common_workflow_execution execution = API_COMMON_WORKFLOW_EXECUTION_INIT;
    api_pause_activity_request pause = API_PAUSE_ACTIVITY_REQUEST_INIT;
    char uuid[UUID_TEXT_LEN + 1];

    const enum err err = check_target(fc, &target, req->request_id);
    if (err != ERR_OK)
        return err;
    if (strlen(req->reason) > fe_limit(fc, DYNCONF_LIMIT_BLOB_SIZE_ERROR))
        return err_fail(&fc->detail, ERR_INVALID, "reason exceeds length limit");
    name_execution(&execution, &target);
    uuid_v4(&fc->loop->rng, uuid);
    pause.namespace_ = req->namespace_;
    pause.execution = &execution;
    pause.activity_case = API_PAUSE_ACTIVITY_REQUEST_ACTIVITY_ID;
    pause.id = target.activity_id;
    pause.reason = req->reason;
    pause.identity = req->identity;
    pause.request_id = req->request_id[0] != '\0' ? req->request_id : uuid;
    return forward(fc, METHOD_HISTORY_PAUSE_ACTIVITY, &target, &pause);
}

enum err fe_unpause_activity_execution(struct fe_call *fc)
{
    const api_unpause_activity_execution_request *req = fc->request;
    const struct target target = TARGET_OF(req);
    api_common_workflow_execution execution = API_COMMON_WORKFLOW_EXECUTION_INIT;
    api_unpause_activity_request unpause = API_UNPAUSE_ACTIVITY_REQUEST_INIT;

    enum err err = check_target(fc, &target, req->request_id);
    if (err == ERR_OK)
        err = fe_check_span(fc, "jitter", req->jitter);
    if (err != ERR_OK)
        return err;
    name_execution(&execution, &target);
    unpause.namespace_ = req->namespace_;
    unpause.execution = &execution;
    unpause.activity_case = API_UNPAUSE_ACTIVITY_REQUEST_ACTIVITY_ID;
    unpause.id = target.activity_id;
    unpause.jitter = req->jitter;
    unpause.identity = req->identity;
    return forward(fc, METHOD_HISTORY_UNPAUSE_ACTIVITY, &target, &unpause);
}

enum err fe_reset_activity_execution(struct fe_call *fc)
{
    const api_reset_activity_execution_request *req = fc->request;
    const struct target target = TARGET_OF(req);
    api_common_workflow_execution execution = API_COMMON_WORKFLOW_EXECUTION_INIT;
    api_reset_activity_request reset = API_RESET_ACTIVITY_REQUEST_INIT;

    enum err err = check_target(fc, &target, req->request_id);
    if (err == ERR_OK)
        err = fe_check_span(fc, "jitter", req->jitter);
    if (err != ERR_OK)
        return err;
    name_execution(&execution, &target);
    reset.namespace_ = req->namespace_;
    reset.execution = &execution;
    reset.activity_case = API_RESET_ACTIVITY_REQUEST_ACTIVITY_ID;
    reset.id = target.activity_id;
    reset.reset_heartbeat = req->reset_heartbeat;
    reset.restore_original_options = req->restore_original_options;
    reset.keep_paused = req->keep_paused;
    reset.jitter = req->jitter;
    reset.identity = req->identity;
    return forward(fc, METHOD_HISTORY_RESET_ACTIVITY, &target, &reset);
}

/* -- UpdateActivityExecutionOptions ----------------------------------------------------------- */

static enum err check_mask(struct fe_call *fc, const pb_field_mask *mask)
{
    static const char *const paths[] = {
        "taskQueue.name",
        "scheduleToCloseTimeout",
        "scheduleToStartTimeout",
        "startToCloseTimeout",
        "heartbeatTimeout",
        "priority",
        "priority.priorityKey",
        "priority.fairnessKey",
        "priority.fairnessWeight",
        "retryPolicy",
        "retryPolicy.initialInterval",
        "retryPolicy.backoffCoefficient",
        "retryPolicy.maximumInterval",
        "retryPolicy.maximumAttempts",
        "startDelay",
    };

    if (!mask)
        return err_fail(&fc->detail, ERR_INVALID, "UpdateMask is not provided");
    if (mask->n_paths == 0)
        return err_fail(&fc->detail, ERR_INVALID, "UpdateMask must specify at least one path");
    for (size_t i = 0; i < mask->n_paths; i++) {
        const char *path = proto_mask_json_path(fc->arena, mask->paths[i]);
        bool known = false;

        for (size_t j = 0; j < COUNT_OF(paths) && !known; j++)
            known = strcmp(path, paths[j]) == 0;
        if (!known)
            return err_fail(&fc->detail, ERR_INVALID, "unsupported update_mask path: \"%s\"",
                            mask->paths[i]);
    }
    return ERR_OK;
}

static enum err check_timeouts(struct fe_call *fc, const pb_field_mask *mask,
                               const api_activity_options *options)
{
    const struct {
        const char *path, *name;
        const pb_duration *span;
    } spans[] = {
        {"scheduleToCloseTimeout", "ScheduleToCloseTimeout", options->schedule_to_close_timeout},
        {"scheduleToStartTimeout", "ScheduleToStartTimeout", options->schedule_to_start_timeout},
        {"startToCloseTimeout", "StartToCloseTimeout", options->start_to_close_timeout},
        {"heartbeatTimeout", "HeartbeatTimeout", options->heartbeat_timeout},
    };
    enum err err = ERR_OK;

    for (size_t i = 0; i < COUNT_OF(spans) && err == ERR_OK; i++)
        if (proto_mask_names(fc->arena, mask, spans[i].path))
            err = fe_check_span(fc, spans[i].name, spans[i].span);
    return err;
}

/* The priority as far as it is named, the rest as if it were not there. */
static enum err check_priority(struct fe_call *fc, const pb_field_mask *mask,
                               const api_priority *priority)
{
    api_priority part = API_PRIORITY_INIT;

    if (!priority)
        return ERR_OK;
    if (proto_mask_names(fc->arena, mask, "priority"))
        return fe_check_priority(fc, priority);
    if (proto_mask_names(fc->arena, mask, "priority.priorityKey"))
        part.priority_key = priority->priority_key;
    if (proto_mask_names(fc->arena, mask, "priority.fairnessKey"))
        part.fairness_key = priority->fairness_key;
    if (proto_mask_names(fc->arena, mask, "priority.fairnessWeight"))
        part.fairness_weight = priority->fairness_weight;
    return fe_check_priority(fc, &part);
}

/* A field of a policy that is named alone has no default: a coefficient of zero is refused. */
static enum err check_policy(struct fe_call *fc, const pb_field_mask *mask,
                             const api_retry_policy *policy)
{
    static const api_retry_policy none = API_RETRY_POLICY_INIT;
    enum err err = ERR_OK;

    if (!policy)
        policy = &none;
    if (proto_mask_names(fc->arena, mask, "retryPolicy"))
        err = fe_check_retry_policy(fc, policy);
    if (err == ERR_OK && proto_mask_names(fc->arena, mask, "retryPolicy.initialInterval"))
        err = fe_check_span(fc, "InitialInterval set on retry policy", policy->initial_interval);
    if (err == ERR_OK && proto_mask_names(fc->arena, mask, "retryPolicy.backoffCoefficient") &&
        policy->backoff_coefficient < 1)
        err = err_fail(&fc->detail, ERR_INVALID,
                       "BackoffCoefficient cannot be less than 1 on retry policy.");
    if (err == ERR_OK && proto_mask_names(fc->arena, mask, "retryPolicy.maximumInterval"))
        err = fe_check_span(fc, "MaximumInterval set on retry policy", policy->maximum_interval);
    if (err == ERR_OK && proto_mask_names(fc->arena, mask, "retryPolicy.maximumAttempts") &&
        policy->maximum_attempts < 0)
        err = err_fail(&fc->detail, ERR_INVALID,
                       "MaximumAttempts cannot be negative on retry policy.");
    return err;
}

static enum err check_update(struct fe_call *fc,
                             const api_update_activity_execution_options_request *req)
{
    const pb_field_mask *mask = req->update_mask;
    const api_activity_options *options = req->activity_options;

    if (mask && mask->n_paths > 0 && req->restore_original)
        return err_fail(&fc->detail, ERR_INVALID,
                        "Both UpdateMask and RestoreOriginal are provided");
    if (req->restore_original)
        return ERR_OK;
    if (!options)
        return err_fail(&fc->detail, ERR_INVALID, "ActivityOptions are not provided");
    enum err err = check_mask(fc, mask);
    if (err != ERR_OK)
        return err;
    if (proto_mask_names(fc->arena, mask, "taskQueue.name"))
        err = fe_check_task_queue(fc, options->task_queue, true);
    if (err == ERR_OK)
        err = check_timeouts(fc, mask, options);
    if (err == ERR_OK)
        err = check_priority(fc, mask, options->priority);
    if (err == ERR_OK)
        err = check_policy(fc, mask, options->retry_policy);
    return err;
}

/* A policy that replaces the whole one has no field unset. */
static api_activity_options *with_defaults(struct fe_call *fc,
                                           const api_update_activity_execution_options_request *req)
{
    const struct dynconf_where where = {.namespace_name = slice_str(req->namespace_)};
    const struct dynconf_retry defaults =
        dynconf_retry_at(fc->fe->dynconf, DYNCONF_HISTORY_DEFAULT_ACTIVITY_RETRY, &where);
    api_activity_options *options = req->activity_options;

    if (!req->restore_original && proto_mask_names(fc->arena, req->update_mask, "retryPolicy"))
        options->retry_policy =
            retry_policy_with_defaults(fc->arena, options->retry_policy, &defaults);
    return options;
}

enum err fe_update_activity_execution_options(struct fe_call *fc)
{
    const api_update_activity_execution_options_request *req = fc->request;
    const struct target target = TARGET_OF(req);
    api_common_workflow_execution execution = API_COMMON_WORKFLOW_EXECUTION_INIT;
    api_update_activity_options_request update = API_UPDATE_ACTIVITY_OPTIONS_REQUEST_INIT;

    enum err err = check_target(fc, &target, req->request_id);
    if (err == ERR_OK)
        err = check_update(fc, req);
    if (err != ERR_OK)
        return err;
    name_execution(&execution, &target);
    update.namespace_ = req->namespace_;
    update.execution = &execution;
    update.activity_case = API_UPDATE_ACTIVITY_OPTIONS_REQUEST_ACTIVITY_ID;
    update.id = target.activity_id;
    update.activity_options = with_defaults(fc, req);
    update.update_mask = req->update_mask;
    update.restore_original = req->restore_original;
    update.identity = req->identity;
    return forward(fc, METHOD_HISTORY_UPDATE_ACTIVITY_OPTIONS, &target, &update);
}
