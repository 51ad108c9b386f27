/* batches.c - batch operations: checked here, carried out by the history owner of the job's id. */
#include "common/rpc/batch.h"
#include "frontend/fan_out.h"
#include "frontend/handlers.h"
#include "frontend/validate.h"

#define OPERATION(name)                                                                            \
    TEMPORAL__API__WORKFLOWSERVICE__V1__START_BATCH_OPERATION_REQUEST__OPERATION_##name
#define UNPAUSE(name) TEMPORAL__API__BATCH__V1__BATCH_OPERATION_UNPAUSE_ACTIVITIES__ACTIVITY_##name
#define RESET_ACTIVITIES(name)                                                                     \
    TEMPORAL__API__BATCH__V1__BATCH_OPERATION_RESET_ACTIVITIES__ACTIVITY_##name
#define UPDATE_ACTIVITIES(name)                                                                    \
    TEMPORAL__API__BATCH__V1__BATCH_OPERATION_UPDATE_ACTIVITY_OPTIONS__ACTIVITY_##name

#define OPEN_ONLY "ExecutionStatus='Running' OR ExecutionStatus='Paused'"
#define NO_ACTIVITY "Either activity type must be set, or match all should be set to true"

enum { QUERY_BYTES_MAX = 64 * 1024 };

static enum err check_enabled(struct fe_call *fc)
{
    if (dynconf_bool(fc->fe->dynconf, DYNCONF_FRONTEND_ENABLE_BATCHER, slice_str(fc->ns->name)))
        return ERR_OK;
    return errdetail_permission_denied(fc->arena, &fc->detail, NULL,
                                       "Batch operation feature are disabled on this namespace.");
}

static enum err check_job_id(struct fe_call *fc, const char *job_id)
{
    if (job_id[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID, "JobId is not set on request.");
    return fe_check_length(fc, "JobId", job_id);
}

/* -- what a job may be asked for ------------------------------------------------------------- */

/* The name of the operation's type in the reference's texts. NULL: it acts on workflows. */
static const char *activities_operation(const api_start_batch_operation_request *req)
{
    switch ((int)req->operation_case) {
    case OPERATION(TERMINATE_ACTIVITIES_OPERATION):
        return "TerminateActivitiesOperation";
    case OPERATION(CANCEL_ACTIVITIES_OPERATION):
        return "CancelActivitiesOperation";
    case OPERATION(DELETE_ACTIVITIES_OPERATION):
        return "DeleteActivitiesOperation";
    default:
        return NULL;
    }
}

static const char *operation_name(const api_start_batch_operation_request *req)
{
    switch ((int)req->operation_case) {
    case OPERATION(TERMINATION_OPERATION):
        return "TerminationOperation";
    case OPERATION(SIGNAL_OPERATION):
        return "SignalOperation";
    case OPERATION(CANCELLATION_OPERATION):
        return "CancellationOperation";
    case OPERATION(DELETION_OPERATION):
        return "DeletionOperation";
    case OPERATION(RESET_OPERATION):
        return "ResetOperation";
    case OPERATION(UPDATE_WORKFLOW_OPTIONS_OPERATION):
        return "UpdateWorkflowOptionsOperation";
    case OPERATION(UNPAUSE_ACTIVITIES_OPERATION):
        return "UnpauseActivitiesOperation";
    case OPERATION(RESET_ACTIVITIES_OPERATION):
        return "ResetActivitiesOperation";
    default:
        return "UpdateActivityOptionsOperation";
    }
}

static const char *execution_type_name(int type)
{
    static const char *const names[] = {"Unspecified", "Workflow", "Activity", "NexusOperation"};

    return type >= 0 && type < (int)COUNT_OF(names) ? names[type] : NULL;
}

static enum err check_targets(struct fe_call *fc, const api_start_batch_operation_request *req)
{
    const int selectors = (req->visibility_query[0] != '\0') + (req->n_executions > 0) +
                          (req->n_target_executions > 0);
    enum err err;

    if (req->operation_case == 0 || req->reason[0] == '\0' || selectors == 0)
        return err_fail(&fc->detail, ERR_INVALID,
                        "must provide required parameters: BatchType,Reason,Namespace, AND one of "
                        "(Query OR Executions OR TargetExecutions)");
    if ((err = check_job_id(fc, req->job_id)) != ERR_OK)
        return err;
    if (selectors > 1)
        return err_fail(
            &fc->detail, ERR_INVALID,
            "visibility query, executions, and target executions are mutually exclusive");
    for (size_t i = 0; i < req->n_target_executions; i++) {
        const int type = (int)req->target_executions[i]->type;
        const char *name = execution_type_name(type);

        if (type != EXECUTION_TYPE_WORKFLOW)
            return err_fail(&fc->detail, ERR_INVALID,
                            "target_executions[%zu] has type %s, but operation "
                            "*workflowservice.StartBatchOperationRequest_%s requires Workflow",
                            i, name ? name : arena_printf(fc->arena, "%d", type),
                            operation_name(req));
    }
    return ERR_OK;
}

static enum err check_reset(struct fe_call *fc, const api_batch_operation_reset *reset)
{
    if (reset->options && reset->options->target_case == 0)
        return err_fail(&fc->detail, ERR_INVALID, "batch reset missing target");
    if (!reset->options && reset->reset_type != RESET_TYPE_FIRST_WORKFLOW_TASK &&
        reset->reset_type != RESET_TYPE_LAST_WORKFLOW_TASK)
        return (int)reset->reset_type == RESET_TYPE_UNSPECIFIED
                   ? err_fail(&fc->detail, ERR_INVALID, "unknown batch reset type Unspecified")
                   : err_fail(&fc->detail, ERR_INVALID, "unknown batch reset type %d",
                              (int)reset->reset_type);
    return fe_check_post_reset(fc, reset->post_reset_operations, reset->n_post_reset_operations);
}

static enum err check_unpause(struct fe_call *fc,
                              const api_batch_operation_unpause_activities *operation)
{
    if (operation->activity_case == 0)
        return err_fail(&fc->detail, ERR_INVALID, "activity filter must be set");
    if (operation->activity_case == UNPAUSE(TYPE) ? operation->type[0] == '\0'
                                                  : !operation->match_all)
        return err_fail(&fc->detail, ERR_INVALID, NO_ACTIVITY);
    return ERR_OK;
}

static enum err check_reset_activities(struct fe_call *fc,
                                       const api_batch_operation_reset_activities *operation)
{
    if (operation->activity_case == 0)
        return err_fail(&fc->detail, ERR_INVALID, "must provide ActivityType or MatchAll");
    if (operation->activity_case == RESET_ACTIVITIES(TYPE) ? operation->type[0] == '\0'
                                                           : !operation->match_all)
        return err_fail(&fc->detail, ERR_INVALID, NO_ACTIVITY);
    return ERR_OK;
}

static enum err
check_update_activities(struct fe_call *fc,
                        const api_batch_operation_update_activity_options *operation)
{
    if (operation->activity_options && operation->restore_original)
        return err_fail(&fc->detail, ERR_INVALID,
                        "cannot set both activity options and restore original");
    if (!operation->activity_options && !operation->restore_original)
        return err_fail(
            &fc->detail, ERR_INVALID,
            "Either activity type must be set, or restore original should be set to true");
    if (operation->activity_case == UPDATE_ACTIVITIES(TYPE)        ? operation->type[0] == '\0'
        : operation->activity_case == UPDATE_ACTIVITIES(MATCH_ALL) ? !operation->match_all
                                                                   : false)
        return err_fail(&fc->detail, ERR_INVALID, NO_ACTIVITY);
    return fe_check_priority(fc, operation->activity_options ? operation->activity_options->priority
                                                             : NULL);
}

/* Wider than the reference: what a mask, a priority or a payload may never be is refused at once,
 * where there each execution would fail. */
static enum err check_operation(struct fe_call *fc, const api_start_batch_operation_request *req)
{
    const api_batch_operation_update_workflow_execution_options *options;
    enum err err;

    switch ((int)req->operation_case) {
    case OPERATION(SIGNAL_OPERATION):
        if (req->signal_operation->signal[0] == '\0')
            return err_fail(&fc->detail, ERR_INVALID, "must provide signal name");
        if ((err = fe_check_length(fc, "SignalName", req->signal_operation->signal)) != ERR_OK)
            return err;
        return fe_check_blob(fc, req->signal_operation->input);
    case OPERATION(UPDATE_WORKFLOW_OPTIONS_OPERATION):
        options = req->update_workflow_options_operation;
        if (!options->workflow_execution_options)
            return err_fail(&fc->detail, ERR_INVALID, "must provide UpdateOptions");
        if (!options->update_mask)
            return err_fail(&fc->detail, ERR_INVALID, "must provide UpdateMask");
        return fe_check_options_update(fc, options->update_mask,
                                       options->workflow_execution_options);
    case OPERATION(RESET_OPERATION):
        return check_reset(fc, req->reset_operation);
    case OPERATION(UNPAUSE_ACTIVITIES_OPERATION):
        return check_unpause(fc, req->unpause_activities_operation);
    case OPERATION(RESET_ACTIVITIES_OPERATION):
        return check_reset_activities(fc, req->reset_activities_operation);
    case OPERATION(UPDATE_ACTIVITY_OPTIONS_OPERATION):
        return check_update_activities(fc, req->update_activity_options_operation);
    default:
        return ERR_OK;
    }
}

/* -- StartBatchOperation --------------------------------------------------------------------- */

static void put_quoted(struct buf *out, const char *value)
{
    buf_append(out, "'", 1);
    for (const char *c = value; *c; c++) {
        if (*c == '\'' || *c == '\\')
            buf_append(out, "\\", 1);
        buf_append(out, c, 1);
    }
    buf_append(out, "'", 1);
}

/* What the client's filter becomes. Operations on what is open leave out the rest; a reset leaves
 * out what it makes itself. */
static void put_filter(struct fe_call *fc, const api_start_batch_operation_request *req,
                       struct buf *out)
{
    const api_batch_operation_unpause_activities *unpause = req->unpause_activities_operation;

    buf_append(out, "(", 1);
    if (req->operation_case == OPERATION(UNPAUSE_ACTIVITIES_OPERATION) &&
        unpause->activity_case == UNPAUSE(TYPE)) {
        buf_printf(out, "TemporalPauseInfo = ");
        put_quoted(out, arena_printf(fc->arena, "property:activityType=%s", unpause->type));
    } else {
        buf_append_slice(out, slice_str(req->visibility_query));
    }
    buf_append(out, ")", 1);
    if (req->operation_case == OPERATION(RESET_OPERATION))
        buf_printf(out, " AND StartTime <= %lld", (long long)clock_wall_ns(fc->fe->clock));
    else if (req->operation_case != OPERATION(DELETION_OPERATION))
        buf_printf(out, " AND (" OPEN_ONLY ")");
}

static enum err filter_of(struct fe_call *fc, const api_start_batch_operation_request *req,
                          struct slice *out)
{
    static const char own[] = "invalid query: ";
    struct slice whole;
    struct buf text;

    *out = SLICE_EMPTY;
    if (req->visibility_query[0] == '\0')
        return ERR_OK;
    enum err err = fe_visibility_query(fc, req->visibility_query, false, &whole);
    if (err != ERR_OK) { /* the client's own, so that the text speaks of that */
        const char *why = arena_str(fc->arena, slice_str(fc->detail.text));

        if (strncmp(why, own, sizeof own - 1) == 0)
            why += sizeof own - 1;
        return err_fail(&fc->detail, err, "invalid visibility query: %s", why);
    }
    buf_init(&text, QUERY_BYTES_MAX);
    put_filter(fc, req, &text);
    const char *filter = buf_ok(&text) ? arena_str(fc->arena, buf_slice(&text)) : NULL;
    buf_release(&text);
    if (!filter)
        return err_fail(&fc->detail, ERR_INVALID, "invalid visibility query: too long");
    return fe_visibility_query(fc, filter, false, out);
}

/* No more run than may: the job goes to its owner. */
static enum err start(struct fe_call *fc)
{
    const api_start_batch_operation_request *req = fc->request;
    char start_id[UUID_TEXT_LEN + 1], run_id[UUID_TEXT_LEN + 1];
    struct rpc_batch_start job = {.namespace_id = slice_str(fc->ns->id),
                                  .namespace_name = slice_str(fc->ns->name),
                                  .retention_s = fc->ns->retention_s,
                                  .job_id = slice_str(req->job_id),
                                  .request = fc->call->request};
    struct buf body;
    const enum err err = filter_of(fc, req, &job.query);

    if (err != ERR_OK)
        return err;
    uuid_v7(&fc->loop->rng, clock_wall_ns(fc->fe->clock) / NS_PER_MS, start_id);
    uuid_v7(&fc->loop->rng, clock_wall_ns(fc->fe->clock) / NS_PER_MS, run_id);
    job.start_id = slice_str(start_id);
    job.run_id = slice_str(run_id);
    buf_init(&body, MESH_BODY_MAX);
    rpc_batch_start_encode(&job, &body);
    const bool fits = buf_ok(&body);
    const struct slice copy = fits ? arena_copy(fc->arena, buf_slice(&body)) : SLICE_EMPTY;
    buf_release(&body);
    if (!fits)
        return err_fail(&fc->detail, ERR_INVALID, "the batch operation is too large");
    const uint32_t shard =
        rpc_history_shard(job.namespace_id, job.job_id, (uint32_t)fc->fe->config->history_shards);
    return fe_forward(fc, &(struct fe_target){.to = MESH_SHARD(ROLE_HISTORY, shard),
                                              .method = METHOD_HISTORY_START_BATCH,
                                              .body = copy,
                                              .repeatable = true});
}

static enum err too_many(struct fe_call *fc)
{
    return errdetail_resource_exhausted(
        fc->arena, &fc->detail, RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT,
        RESOURCE_EXHAUSTED_SCOPE_NAMESPACE, "Max concurrent batch operations is reached");
}

static enum err jobs_listed(struct fe_call *fc, const struct rpc_list_item *items, uint32_t count)
{
    const size_t most = fe_limit(fc, DYNCONF_FRONTEND_MAX_BATCHES);
    size_t open = 0;

    for (uint32_t i = 0; i < count; i++)
        open += rpc_batch_is_open(items[i].order_key);
    return open >= most ? too_many(fc) : start(fc);
}

enum err fe_start_batch(struct fe_call *fc)
{
    const api_start_batch_operation_request *req = fc->request;
    const char *of_activities = activities_operation(req);
    const size_t most = fe_limit(fc, DYNCONF_FRONTEND_MAX_BATCHES);
    enum err err = check_enabled(fc);
    struct slice filter;

    if (err != ERR_OK)
        return err;
    if (of_activities)
        return err_fail(&fc->detail, ERR_INVALID,
                        "The operation type *workflowservice.StartBatchOperationRequest_%s is not "
                        "supported for this namespace",
                        of_activities);
    if ((err = check_targets(fc, req)) != ERR_OK || (err = check_operation(fc, req)) != ERR_OK ||
        (err = filter_of(fc, req, &filter)) != ERR_OK)
        return err;
    if (most == 0)
        return too_many(fc);
    return fe_list_of_shards(fc, METHOD_HISTORY_LIST_BATCHES, most < INT32_MAX ? (int32_t)most : 0,
                             SLICE_EMPTY, jobs_listed);
}

/* -- the others ------------------------------------------------------------------------------ */

enum err fe_stop_batch(struct fe_call *fc)
{
    const api_stop_batch_operation_request *req = fc->request;
    enum err err = check_job_id(fc, req->job_id);

    if (err != ERR_OK)
        return err;
    if (req->reason[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID, "Reason is not set on request.");
    if ((err = check_enabled(fc)) != ERR_OK)
        return err;
    return fe_forward_history(fc, &(struct fe_to_history){.method = METHOD_HISTORY_STOP_BATCH,
                                                          .workflow_id = req->job_id,
                                                          .request = fc->call->request});
}

enum err fe_describe_batch(struct fe_call *fc)
{
    const api_describe_batch_operation_request *req = fc->request;
    enum err err = check_job_id(fc, req->job_id);

    if (err != ERR_OK || (err = check_enabled(fc)) != ERR_OK)
        return err;
    return fe_forward_history(fc, &(struct fe_to_history){.method = METHOD_HISTORY_DESCRIBE_BATCH,
                                                          .workflow_id = req->job_id,
                                                          .request = fc->call->request,
                                                          .repeatable = true});
}

enum err fe_list_batches(struct fe_call *fc)
{
    const api_list_batch_operations_request *req = fc->request;
    const enum err err = check_enabled(fc);

    if (err != ERR_OK)
        return err;
    return fe_list_of_shards(fc, METHOD_HISTORY_LIST_BATCHES, req->page_size,
                             slice_of(req->next_page_token.data, req->next_page_token.len), NULL);
}
