/* tasks.c - workers' answers: the task token says whose they are. Repeats after a lost reply are
 * recognised by the token's start id. */
#include "frontend/handlers.h"
#include "frontend/namespaces.h"
#include "frontend/validate.h"

static enum err forward_instead(struct fe_call *fc, enum mesh_method method, struct slice request,
                                struct slice reply)
{
    return fe_forward_history(
        fc,
        &(struct fe_to_history){
            .method = method,
            .workflow_id = arena_str(fc->arena, fc->token.workflow_id),
            .request = request,
            .repeatable = true,
            .reply_instead = reply,
            .answers_with_task = method == METHOD_HISTORY_RESPOND_WORKFLOW_TASK_COMPLETED ? 1 : 0,
            .shows = method == METHOD_HISTORY_RESPOND_WORKFLOW_TASK_COMPLETED ? FE_SHOWN_COMPLETED
                                                                              : FE_SHOWN_ALL});
}

static enum err forward_answer(struct fe_call *fc, enum mesh_method method, struct slice request)
{
    return forward_instead(fc, method, request, SLICE_EMPTY);
}

static enum err check_kind(struct fe_call *fc, enum rpc_task_kind kind)
{
    if (fc->token.kind != kind)
        return err_fail(&fc->detail, ERR_INVALID, "Error deserializing task token.");
    return ERR_OK;
}

/* What is left of the room when `text` has taken its part of it, and the text cut to it. */
static char *shorten(struct fe_call *fc, const char *text, size_t *room)
{
    enum { AROUND_BYTES = 4 }; /* a field's tag and length */
    struct slice kept = slice_str(text);

    if (kept.len > *room) {
        kept.len = *room;
        while (kept.len > 0 && ((uint8_t)text[kept.len] & 0xC0) == 0x80)
            kept.len--;
    }
    *room -= kept.len;
    if (kept.len > 0)
        *room -= *room < AROUND_BYTES ? *room : AROUND_BYTES;
    return arena_str(fc->arena, kept);
}

static size_t take(size_t room, size_t bytes)
{
    return room < bytes ? 0 : room - bytes;
}

/* A failure in about `room` bytes: what tells most of it comes first.
 * Spec: the reference's failure.Truncate. */
static api_failure_failure *shortened(struct fe_call *fc, const api_failure_failure *failure,
                                      size_t room)
{
    enum { DEPTH_MAX = 20, INFO_BYTES = 8, SERVER_INFO_BYTES = 4 };
    api_failure_failure *first = NULL, **link = &first;

    for (int depth = 0; failure && depth <= DEPTH_MAX; depth++) {
        api_failure_failure *made = ARENA_NEW(fc->arena, api_failure_failure);

        *made = (api_failure_failure)API_FAILURE_FAILURE_INIT;
        made->failure_info_case = failure->failure_info_case;
        if (failure->failure_info_case == API_FAILURE_FAILURE_INFO_APPLICATION_FAILURE_INFO) {
            const api_application_failure_info *from = failure->application_failure_info;

            made->application_failure_info = ARENA_NEW(fc->arena, api_application_failure_info);
            *made->application_failure_info =
                (api_application_failure_info)API_APPLICATION_FAILURE_INFO_INIT;
            made->application_failure_info->non_retryable = from->non_retryable;
            made->application_failure_info->type = shorten(fc, from->type, &room);
            room = take(room, INFO_BYTES);
        } else if (failure->failure_info_case == API_FAILURE_FAILURE_INFO_SERVER_FAILURE_INFO) {
            made->server_failure_info = failure->server_failure_info;
            room = take(room, SERVER_INFO_BYTES);
        } else {
            made->failure_info_case = 0;
        }
        made->source = shorten(fc, failure->source, &room);
        made->message = shorten(fc, failure->message, &room);
        made->stack_trace = shorten(fc, failure->stack_trace, &room);
        *link = made;
        link = &made->cause;
        if (room <= SERVER_INFO_BYTES)
            break;
        room -= SERVER_INFO_BYTES;
        failure = failure->cause;
    }
    return first;
}

/* A failure that stands for one past the size limit, as the reference writes it. */
static api_failure_failure *limit_failure(struct fe_call *fc, const char *message,
                                          const api_failure_failure *cause)
{
    api_failure_failure *failure = ARENA_NEW(fc->arena, api_failure_failure);
    api_server_failure_info *info = ARENA_NEW(fc->arena, api_server_failure_info);

    *failure = (api_failure_failure)API_FAILURE_FAILURE_INIT;
    *info = (api_server_failure_info)API_SERVER_FAILURE_INFO_INIT;
    info->non_retryable = true;
    failure->message = arena_str(fc->arena, slice_str(message));
    failure->failure_info_case = API_FAILURE_FAILURE_INFO_SERVER_FAILURE_INFO;
    failure->server_failure_info = info;
    if (cause)
        failure->cause = shortened(fc, cause, fe_limit(fc, DYNCONF_LIMIT_BLOB_SIZE_WARN));
    return failure;
}

enum err fe_workflow_task_completed(struct fe_call *fc)
{
    const api_respond_workflow_task_completed_request *req = fc->request;
    enum err err = check_kind(fc, TASK_WORKFLOW);

    if (err != ERR_OK || (err = fe_check_identity(fc, req->identity)) != ERR_OK)
        return err;
    fc->bad_binary = fe_is_bad_binary(fc, req->binary_checksum);
    return forward_answer(fc, METHOD_HISTORY_RESPOND_WORKFLOW_TASK_COMPLETED, fc->call->request);
}

enum err fe_workflow_task_failed(struct fe_call *fc)
{
    api_respond_workflow_task_failed_request *req = fc->request;
    enum err err = check_kind(fc, TASK_WORKFLOW);

    if (err != ERR_OK || (err = fe_check_identity(fc, req->identity)) != ERR_OK)
        return err;
    if (!fe_blob_exceeds(fc, req->failure))
        return forward_answer(fc, METHOD_HISTORY_RESPOND_WORKFLOW_TASK_FAILED, fc->call->request);
    req->failure = limit_failure(fc, "Failure exceeds size limit.", req->failure);
    return forward_answer(fc, METHOD_HISTORY_RESPOND_WORKFLOW_TASK_FAILED,
                          proto_encode(fc->arena, req));
}

/* An activity whose answer is past the limit fails for good, with the limit as its reason. */
static enum err fail_activity(struct fe_call *fc, const char *message, char *identity,
                              struct slice reply)
{
    api_respond_activity_task_failed_request failed = API_RESPOND_ACTIVITY_TASK_FAILED_REQUEST_INIT;

    failed.task_token.data = (uint8_t *)(uintptr_t)fc->token_bytes.ptr;
    failed.task_token.len = fc->token_bytes.len;
    failed.identity = identity;
    failed.failure = limit_failure(fc, message, NULL);
    return forward_instead(fc, METHOD_HISTORY_RESPOND_ACTIVITY_TASK_FAILED,
                           proto_encode(fc->arena, &failed), reply);
}

enum err fe_activity_completed(struct fe_call *fc)
{
    const api_respond_activity_task_completed_request *req = fc->request;
    enum err err = check_kind(fc, TASK_ACTIVITY);

    if (err != ERR_OK || (err = fe_check_identity(fc, req->identity)) != ERR_OK)
        return err;
    if (fe_blob_exceeds(fc, req->result))
        return fail_activity(fc, "Complete result exceeds size limit.", req->identity, SLICE_EMPTY);
    return forward_answer(fc, METHOD_HISTORY_RESPOND_ACTIVITY_TASK_COMPLETED, fc->call->request);
}

/* What was left out or put in the place of too much is told to the caller. */
static enum err fail_within_limits(struct fe_call *fc,
                                   api_respond_activity_task_failed_request *failed)
{
    /* The answer by id has the same one field. */
    api_respond_activity_task_failed_response told = API_RESPOND_ACTIVITY_TASK_FAILED_RESPONSE_INIT;
    api_failure_failure *failures[2];

    told.failures = failures;
    if (fe_blob_exceeds(fc, failed->last_heartbeat_details)) {
        failures[told.n_failures++] =
            limit_failure(fc, "Heartbeat details exceed size limit.", NULL);
        failed->last_heartbeat_details = NULL;
    }
    if (fe_blob_exceeds(fc, failed->failure)) {
        failed->failure = limit_failure(fc, "Failure exceeds size limit.", failed->failure);
        failures[told.n_failures++] = failed->failure;
    }
    return forward_instead(fc, METHOD_HISTORY_RESPOND_ACTIVITY_TASK_FAILED,
                           proto_encode(fc->arena, failed), proto_encode(fc->arena, &told));
}

enum err fe_activity_failed(struct fe_call *fc)
{
    const api_respond_activity_task_failed_request *req = fc->request;
    enum err err = check_kind(fc, TASK_ACTIVITY);

    if (err != ERR_OK)
        return err;
    if (req->failure &&
        req->failure->failure_info_case != API_FAILURE_FAILURE_INFO_APPLICATION_FAILURE_INFO)
        return err_fail(&fc->detail, ERR_INVALID, "Failure must have ApplicationFailureInfo.");
    if ((err = fe_check_identity(fc, req->identity)) != ERR_OK)
        return err;
    if (!fe_blob_exceeds(fc, req->failure) && !fe_blob_exceeds(fc, req->last_heartbeat_details))
        return forward_answer(fc, METHOD_HISTORY_RESPOND_ACTIVITY_TASK_FAILED, fc->call->request);
    api_respond_activity_task_failed_request failed = *req;
    return fail_within_limits(fc, &failed);
}

enum err fe_activity_canceled(struct fe_call *fc)
{
    const api_respond_activity_task_canceled_request *req = fc->request;
    enum err err = check_kind(fc, TASK_ACTIVITY);

    if (err != ERR_OK || (err = fe_check_identity(fc, req->identity)) != ERR_OK)
        return err;
    if (fe_blob_exceeds(fc, req->details))
        return fail_activity(fc, "Cancel details exceed size limit.", req->identity, SLICE_EMPTY);
    return forward_answer(fc, METHOD_HISTORY_RESPOND_ACTIVITY_TASK_CANCELED, fc->call->request);
}

enum err fe_activity_heartbeat(struct fe_call *fc)
{
    const api_record_activity_task_heartbeat_request *req = fc->request;
    enum err err = check_kind(fc, TASK_ACTIVITY);

    if (err != ERR_OK || (err = fe_check_identity(fc, req->identity)) != ERR_OK)
        return err;
    if (fe_blob_exceeds(fc, req->details)) {
        api_record_activity_task_heartbeat_response told =
            API_RECORD_ACTIVITY_TASK_HEARTBEAT_RESPONSE_INIT;

        told.cancel_requested = true;
        return fail_activity(fc, "Heartbeat details exceed size limit.", req->identity,
                             proto_encode(fc->arena, &told));
    }
    return forward_answer(fc, METHOD_HISTORY_RECORD_HEARTBEAT, fc->call->request);
}

enum err fe_query_task_completed(struct fe_call *fc)
{
    const api_respond_query_task_completed_request *req = fc->request;

    if (fc->token.kind != TASK_QUERY)
        return err_fail(&fc->detail, ERR_INVALID, "Invalid TaskToken.");
    if (!fe_blob_exceeds(fc, req->query_result))
        return forward_answer(fc, METHOD_HISTORY_RESPOND_QUERY_TASK_COMPLETED, fc->call->request);

    api_respond_query_task_completed_request failed = API_RESPOND_QUERY_TASK_COMPLETED_REQUEST_INIT;
    failed.task_token = req->task_token;
    failed.completed_type = QUERY_RESULT_TYPE_FAILED;
    failed.error_message = arena_str(fc->arena, SLICE_LIT("Blob data size exceeds limit."));
    return forward_answer(fc, METHOD_HISTORY_RESPOND_QUERY_TASK_COMPLETED,
                          proto_encode(fc->arena, &failed));
}

/* -- an activity named by its id ------------------------------------------------------------ */

struct by_id {
    const char *workflow_id, *run_id, *activity_id;
};

/* The token that stands for the name: no scheduled event, and a run only where one is given. */
static enum err name_activity(struct fe_call *fc, const struct by_id *name)
{
    uint8_t uuid[16];
    char run_id[UUID_TEXT_LEN + 1] = "";
    struct buf bytes;

    if (name->run_id[0] != '\0' && !uuid_parse(slice_str(name->run_id), uuid))
        return err_fail(&fc->detail, ERR_INVALID, "RunId is not valid UUID.");
    if (name->workflow_id[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID, "WorkflowId is not set on request.");
    if (strlen(name->workflow_id) > fe_id_bytes_max(fc))
        return fe_check_workflow_id(fc, name->workflow_id);
    enum err err = fe_check_length(fc, "ActivityId", name->activity_id);
    if (err != ERR_OK)
        return err;
    if (name->run_id[0] != '\0')
        uuid_format(uuid, run_id);
    fc->token = (struct task_token){.kind = TASK_ACTIVITY,
                                    .namespace_id = slice_str(fc->ns->id),
                                    .execution_kind = 1,
                                    .workflow_id = slice_str(name->workflow_id),
                                    .run_id = arena_copy(fc->arena, slice_str(run_id)),
                                    .attempt = 1,
                                    .activity_id = slice_str(name->activity_id)};
    buf_init(&bytes, 0);
    task_token_encode(&fc->token, &bytes);
    must(buf_ok(&bytes));
    fc->token_bytes = arena_copy(fc->arena, buf_slice(&bytes));
    buf_release(&bytes);
    return ERR_OK;
}

static enum err check_activity_id(struct fe_call *fc, const char *activity_id)
{
    if (activity_id[0] == '\0')
        return err_fail(&fc->detail, ERR_INVALID, "ActivityId is not set on request.");
    return ERR_OK;
}

enum err fe_activity_completed_by_id(struct fe_call *fc)
{
    const api_respond_activity_task_completed_by_id_request *req = fc->request;
    const struct by_id name = {req->workflow_id, req->run_id, req->activity_id};
    enum err err = check_activity_id(fc, req->activity_id);

    if (err != ERR_OK || (err = fe_check_identity(fc, req->identity)) != ERR_OK ||
        (err = name_activity(fc, &name)) != ERR_OK)
        return err;
    if (fe_blob_exceeds(fc, req->result))
        return fail_activity(fc, "Complete result exceeds size limit.", req->identity, SLICE_EMPTY);
    api_respond_activity_task_completed_request completed =
        API_RESPOND_ACTIVITY_TASK_COMPLETED_REQUEST_INIT;
    completed.result = req->result;
    completed.identity = req->identity;
    return forward_answer(fc, METHOD_HISTORY_RESPOND_ACTIVITY_TASK_COMPLETED,
                          proto_encode(fc->arena, &completed));
}

enum err fe_activity_failed_by_id(struct fe_call *fc)
{
    const api_respond_activity_task_failed_by_id_request *req = fc->request;
    const struct by_id name = {req->workflow_id, req->run_id, req->activity_id};
    enum err err = check_activity_id(fc, req->activity_id);

    if (err != ERR_OK || (err = fe_check_identity(fc, req->identity)) != ERR_OK ||
        (err = name_activity(fc, &name)) != ERR_OK)
        return err;
    api_respond_activity_task_failed_request failed = API_RESPOND_ACTIVITY_TASK_FAILED_REQUEST_INIT;
    failed.identity = req->identity;
    failed.cause = req->cause;
    failed.last_heartbeat_details = req->last_heartbeat_details;
    failed.failure = req->failure;
    return fail_within_limits(fc, &failed);
}

enum err fe_activity_canceled_by_id(struct fe_call *fc)
{
    const api_respond_activity_task_canceled_by_id_request *req = fc->request;
    const struct by_id name = {req->workflow_id, req->run_id, req->activity_id};
    enum err err = check_activity_id(fc, req->activity_id);

    if (err != ERR_OK || (err = fe_check_identity(fc, req->identity)) != ERR_OK ||
        (err = name_activity(fc, &name)) != ERR_OK)
        return err;
    if (fe_blob_exceeds(fc, req->details))
        return fail_activity(fc, "Cancel details exceed size limit.", req->identity, SLICE_EMPTY);
    api_respond_activity_task_canceled_request canceled =
        API_RESPOND_ACTIVITY_TASK_CANCELED_REQUEST_INIT;
    canceled.details = req->details;
    canceled.identity = req->identity;
    return forward_answer(fc, METHOD_HISTORY_RESPOND_ACTIVITY_TASK_CANCELED,
                          proto_encode(fc->arena, &canceled));
}

enum err fe_activity_heartbeat_by_id(struct fe_call *fc)
{
    const api_record_activity_task_heartbeat_by_id_request *req = fc->request;
    const struct by_id name = {req->workflow_id, req->run_id, req->activity_id};
    enum err err = check_activity_id(fc, req->activity_id);

    if (err != ERR_OK || (err = fe_check_identity(fc, req->identity)) != ERR_OK ||
        (err = name_activity(fc, &name)) != ERR_OK)
        return err;
    if (fe_blob_exceeds(fc, req->details)) {
        api_record_activity_task_heartbeat_by_id_response told =
            API_RECORD_ACTIVITY_TASK_HEARTBEAT_BY_ID_RESPONSE_INIT;

        told.cancel_requested = true;
        return fail_activity(fc, "Heartbeat details exceed size limit.", req->identity,
                             proto_encode(fc->arena, &told));
    }
    api_record_activity_task_heartbeat_request beat =
        API_RECORD_ACTIVITY_TASK_HEARTBEAT_REQUEST_INIT;
    beat.details = req->details;
    beat.identity = req->identity;
    return forward_answer(fc, METHOD_HISTORY_RECORD_HEARTBEAT, proto_encode(fc->arena, &beat));
}
