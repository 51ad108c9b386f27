/* validate.c - see validate.h. Spec: the reference's frontend validators and their texts. */
#include "frontend/validate.h"

#include <stdio.h>

static enum err invalid(struct fe_call *fc, const char *text)
{
    return err_fail(&fc->detail, ERR_INVALID, "%s", text);
}

size_t fe_limit(const struct fe_call *fc, enum dynconf_key key)
{
    const struct slice ns = fc->ns ? slice_str(fc->ns->name) : SLICE_EMPTY;
    const int64_t value = dynconf_int(fc->fe->dynconf, key, ns);

    return value < 0 ? 0 : (size_t)value;
}

size_t fe_id_bytes_max(const struct fe_call *fc)
{
    const size_t set = fe_limit(fc, DYNCONF_LIMIT_MAX_ID_LENGTH);

    return set < RPC_ID_BYTES_MAX ? set : RPC_ID_BYTES_MAX;
}

enum err fe_check_execution(struct fe_call *fc, const api_common_workflow_execution *execution)
{
    uint8_t uuid[16];

    if (!execution)
        return invalid(fc, "Execution is not set on request.");
    if (execution->workflow_id[0] == '\0')
        return invalid(fc, "WorkflowId is not set on request.");
    if (execution->run_id[0] != '\0' && !uuid_parse(slice_str(execution->run_id), uuid))
        return invalid(fc, "Invalid RunId.");
    return ERR_OK;
}

enum err fe_check_workflow_id(struct fe_call *fc, const char *workflow_id)
{
    const size_t len = strlen(workflow_id);

    if (len == 0)
        return invalid(fc, "WorkflowId is not set on request.");
    if (len > fe_id_bytes_max(fc))
        return err_fail(&fc->detail, ERR_INVALID,
                        "WorkflowId exceeds maximum allowed length (%zu/%zu)", len,
                        fe_id_bytes_max(fc));
    return ERR_OK;
}

enum err fe_check_length(struct fe_call *fc, const char *what, const char *text)
{
    if (strlen(text) > fe_id_bytes_max(fc))
        return err_fail(&fc->detail, ERR_INVALID, "%s length exceeds limit.", what);
    return ERR_OK;
}

enum err fe_check_identity(struct fe_call *fc, const char *identity)
{
    return fe_check_length(fc, "Identity", identity);
}

enum { WARN_EVERY_MS = 1000 };

/* Sizes that the operator wants to hear of; seldom, whatever clients send. */
static void warn_of_size(struct fe_call *fc, const char *what, size_t bytes)
{
    int_fast64_t last = atomic_load(&fc->fe->warned_ns);
    const int64_t now_ns = fc->started_mono_ns;

    if ((last != 0 && now_ns - last < WARN_EVERY_MS * NS_PER_MS) ||
        !atomic_compare_exchange_strong(&fc->fe->warned_ns, &last, now_ns))
        return;
    log_warn(fc->fe->log, "Blob data size exceeds the warning limit.", F_STR("what", what),
             F_U64("bytes", bytes), F_STR("operation", fe_operation(fc)),
             F_STR("namespace", fc->ns ? fc->ns->name : ""));
}

static bool exceeds(struct fe_call *fc, const char *what, const void *message, size_t warn_bytes,
                    size_t max_bytes)
{
    const size_t bytes = message ? protobuf_c_message_get_packed_size(message) : 0;
    char labels[160];

    if (bytes > warn_bytes)
        warn_of_size(fc, what, bytes);
    if (bytes <= max_bytes)
        return false;
    snprintf(labels, sizeof labels, "operation=\"%s\",service_name=\"frontend\"", fe_operation(fc));
    counter_add(metrics_counter(fc->fe->metrics, "blob_size_error", labels), 1);
    return true;
}

bool fe_blob_exceeds(struct fe_call *fc, const void *message)
{
    return exceeds(fc, "payload", message, fe_limit(fc, DYNCONF_LIMIT_BLOB_SIZE_WARN),
                   fe_limit(fc, DYNCONF_LIMIT_BLOB_SIZE_ERROR));
}

enum err fe_check_blob(struct fe_call *fc, const void *message)
{
    return fe_blob_exceeds(fc, message) ? invalid(fc, "Blob data size exceeds limit.") : ERR_OK;
}

enum err fe_check_memo(struct fe_call *fc, const void *memo)
{
    if (exceeds(fc, "memo", memo, fe_limit(fc, DYNCONF_LIMIT_MEMO_SIZE_WARN),
                fe_limit(fc, DYNCONF_LIMIT_MEMO_SIZE_ERROR)))
        return invalid(fc, "Memo size exceeds limit.");
    return ERR_OK;
}

static enum err check_queue_name(struct fe_call *fc, const char *name, bool root)
{
    if (strlen(name) > fe_id_bytes_max(fc))
        return invalid(fc, "taskQueue length exceeds limit");
    if (root && slice_starts_with(slice_str(name), SLICE_LIT("/_sys/")))
        return invalid(fc, "task queue name cannot start with reserved prefix /_sys/");
    return ERR_OK;
}

static enum err check_queue(struct fe_call *fc, const api_task_queue *queue, bool root)
{
    if (!queue)
        return invalid(fc, "taskQueue is not set");
    if (queue->name[0] == '\0')
        return invalid(fc, "missing task queue name");
    const enum err err = check_queue_name(fc, queue->name, root);
    if (err == ERR_OK && queue->kind == TASK_QUEUE_KIND_STICKY)
        return check_queue_name(fc, queue->normal_name, false);
    return err;
}

enum err fe_check_partition(struct fe_call *fc, const api_task_queue *queue)
{
    return check_queue(fc, queue, false);
}

enum err fe_check_task_queue(struct fe_call *fc, const api_task_queue *queue, bool user_defined)
{
    const enum err err = check_queue(fc, queue, true);

    if (err == ERR_OK && user_defined && strcmp(queue->name, "temporal-sys-per-ns-tq") == 0)
        return err_fail(&fc->detail, ERR_INVALID, "cannot use internal per-namespace task queue:%s",
                        queue->name);
    return err;
}

/* NULL when fine, else the reference's words for what is wrong. */
static const char *duration_fault(const pb_duration *duration)
{
    if (!duration)
        return NULL;
    if ((duration->seconds > 0 && duration->nanos < 0) ||
        (duration->seconds < 0 && duration->nanos > 0))
        return "duration has seconds and nanos with different signs";
    if (duration->seconds < 0 || duration->nanos < 0)
        return "negative duration";
    return NULL;
}

enum err fe_check_duration(struct fe_call *fc, const char *what, const pb_duration *duration)
{
    const char *fault = duration_fault(duration);

    if (fault)
        return err_fail(&fc->detail, ERR_INVALID, "%s cause: %s", what, fault);
    return ERR_OK;
}

enum err fe_check_span(struct fe_call *fc, const char *what, const pb_duration *duration)
{
    const char *fault = duration_fault(duration);

    if (fault)
        return err_fail(&fc->detail, ERR_INVALID, "invalid %s: %s", what, fault);
    return ERR_OK;
}

/* The names after "TemporalTimeout:" that a policy may list as not to be retried. */
static bool is_timeout_type(struct slice name)
{
    static const char *const names[] = {
        "StartToClose",
        "ScheduleToStart",
        "ScheduleToClose",
        "Heartbeat",
        "TIMEOUT_TYPE_START_TO_CLOSE",
        "TIMEOUT_TYPE_SCHEDULE_TO_START",
        "TIMEOUT_TYPE_SCHEDULE_TO_CLOSE",
        "TIMEOUT_TYPE_HEARTBEAT",
    };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (slice_eq(name, slice_str(names[i])))
            return true;
    return false;
}

enum err fe_check_retry_policy(struct fe_call *fc, const api_retry_policy *policy)
{
    static const char prefix[] = "TemporalTimeout:";

    if (!policy || policy->maximum_attempts == 1)
        return ERR_OK;
    enum err err =
        fe_check_span(fc, "InitialInterval set on retry policy", policy->initial_interval);
    if (err != ERR_OK)
        return err;
    /* zero means the default, 2.0; NaN is not below 1 either */
    if (policy->backoff_coefficient < 1 && policy->backoff_coefficient != 0)
        return invalid(fc, "BackoffCoefficient cannot be less than 1 on retry policy.");
    err = fe_check_span(fc, "MaximumInterval set on retry policy", policy->maximum_interval);
    if (err != ERR_OK)
        return err;
    const int64_t max_ns = proto_duration_ns_clip(policy->maximum_interval);
    int64_t initial_ns = proto_duration_ns_clip(policy->initial_interval);
    if (initial_ns == 0)
        initial_ns = NS_PER_S;
    if (max_ns > 0 && max_ns < initial_ns)
        return invalid(fc, "MaximumInterval cannot be less than InitialInterval on retry policy.");
    if (policy->maximum_attempts < 0)
        return invalid(fc, "MaximumAttempts cannot be negative on retry policy.");
    for (size_t i = 0; i < policy->n_non_retryable_error_types; i++) {
        const struct slice type = slice_str(policy->non_retryable_error_types[i]);

        if (!slice_starts_with(type, slice_str(prefix)))
            continue;
        const struct slice name =
            slice_of(type.ptr + sizeof prefix - 1, type.len - (sizeof prefix - 1));
        if (!is_timeout_type(name))
            return err_fail(&fc->detail, ERR_INVALID, "Invalid timeout type value: " SLICE_FMT ".",
                            SLICE_ARG(name));
    }
    return ERR_OK;
}

enum err fe_check_priority(struct fe_call *fc, const api_priority *priority)
{
    if (!priority)
        return ERR_OK;
    if (priority->priority_key < 0)
        return invalid(fc, "priority key can't be negative");
    if (strlen(priority->fairness_key) > 64)
        return invalid(fc, "fairness key length exceeds limit");
    if (priority->fairness_weight < 0)
        return invalid(fc, "must be greater than zero");
    return ERR_OK;
}

enum err fe_check_long_poll(struct fe_call *fc)
{
    if (fc->call->deadline_mono_ns == 0)
        return invalid(fc, "Context timeout is not set.");
    if (fe_remaining_ms(fc, INT64_MAX) < 2000)
        return err_fail(&fc->detail, ERR_PRECONDITION, "Context timeout is too short.");
    return ERR_OK;
}

struct slice fe_with_request_id(struct fe_call *fc, const char *request_id)
{
    const ProtobufCMessage *message = fc->request;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "request_id");
    char uuid[UUID_TEXT_LEN + 1];
    struct buf out;

    must(field != NULL);
    if (request_id[0] != '\0')
        return fc->call->request;
    uuid_v4(&fc->loop->rng, uuid);
    buf_init(&out, 0);
    buf_append_slice(&out, fc->call->request);
    wire_put_str(&out, field->id, uuid);
    must(buf_ok(&out));
    const struct slice copy = arena_copy(fc->arena, buf_slice(&out));
    buf_release(&out);
    return copy;
}
