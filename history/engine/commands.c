/* commands.c - the commands of a completed workflow task: their order, their dispatch, and those
 * that concern the run itself. */
#include "history/engine/engine_int.h"

#include "common/proto/search_attributes.h"
#include "history/engine/attributes.h"
#include "history/engine/reset_points.h"
#include "history/engine/update_int.h"

#include <stdarg.h>
#include <stdio.h>

static const char *cause_name(struct transition *t, int32_t cause)
{
    return engine_enum_name(t->arena,
                            &temporal__api__enums__v1__workflow_task_failed_cause__descriptor,
                            "WORKFLOW_TASK_FAILED_CAUSE_", cause);
}

static const char *command_name(struct transition *t, int32_t type)
{
    return engine_enum_name(t->arena, &temporal__api__enums__v1__command_type__descriptor,
                            "COMMAND_TYPE_", type);
}

enum err command_bad(struct transition *t, struct command_context *ctx, int32_t cause,
                     const char *format, ...)
{
    char text[1400]; /* an id of 1000 fits */
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    ctx->cause = t->bad_cause = cause;
    return err_fail(t->detail, ERR_INVALID, "%s: %s", cause_name(t, cause), text);
}

enum err command_too_large(struct transition *t, struct command_context *ctx, int32_t cause,
                           const char *text)
{
    ctx->terminate = t->too_large = true;
    return command_bad(t, ctx, cause, "%s", text);
}

static bool too_large(const struct transition *t, const ProtobufCMessage *message)
{
    return message && protobuf_c_message_get_packed_size(message) > t->limits->blob_bytes_max;
}

enum err command_unhandled(struct transition *t, struct command_context *ctx)
{
    ctx->cause = WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND;
    return err_fail(t->detail, ERR_INVALID, "UnhandledCommand");
}

/* -- the end of the run ---------------------------------------------------------------------- */

static enum err command_complete(struct transition *t, struct command_context *ctx,
                                 const api_command *command)
{
    const api_complete_workflow_execution_command_attributes *in =
        command->complete_workflow_execution_command_attributes;
    api_history_event *event;

    if (t->run->buffered_count > 0)
        return command_unhandled(t, ctx);
    if (!in)
        return command_bad(t, ctx,
                           WORKFLOW_TASK_FAILED_CAUSE_BAD_COMPLETE_WORKFLOW_EXECUTION_ATTRIBUTES,
                           "CompleteWorkflowExecutionCommandAttributes is not set on "
                           "CompleteWorkflowExecutionCommand.");
    if (too_large(t, in->result ? &in->result->base : NULL)) /* the reference names this cause */
        return command_too_large(
            t, ctx, WORKFLOW_TASK_FAILED_CAUSE_BAD_SCHEDULE_ACTIVITY_ATTRIBUTES,
            "CompleteWorkflowExecutionCommandAttributes.Result exceeds size limit.");

    api_workflow_execution_completed_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, &event);
    const struct chain_next next = chain_decide(t, NULL);
    a->result = in->result;
    a->workflow_task_completed_event_id = ctx->completed_event_id;
    a->new_execution_run_id = transition_str(t, slice_str(next.run_id));
    transition_event(t, event);
    run_close(t, WORKFLOW_EXECUTION_STATUS_COMPLETED);
    chain_follow(t, &next, in->result, NULL);
    return ERR_OK;
}

static enum err command_fail(struct transition *t, struct command_context *ctx,
                             const api_command *command)
{
    const api_fail_workflow_execution_command_attributes *in =
        command->fail_workflow_execution_command_attributes;
    const int32_t bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_FAIL_WORKFLOW_EXECUTION_ATTRIBUTES;
    api_history_event *event;

    if (t->run->buffered_count > 0)
        return command_unhandled(t, ctx);
    if (!in)
        return command_bad(t, ctx, bad,
                           "FailWorkflowExecutionCommandAttributes is not set on "
                           "FailWorkflowExecutionCommand.");
    if (!in->failure)
        return command_bad(t, ctx, bad, "Failure is not set on FailWorkflowExecutionCommand.");
    if (too_large(t, &in->failure->base))
        return command_too_large(
            t, ctx, bad, "FailWorkflowExecutionCommandAttributes.Failure exceeds size limit.");

    api_workflow_execution_failed_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_FAILED, &event);
    const struct chain_next next = chain_decide(t, in->failure);
    a->failure = in->failure;
    a->retry_state = (Temporal__Api__Enums__V1__RetryState)next.retry_state;
    a->workflow_task_completed_event_id = ctx->completed_event_id;
    a->new_execution_run_id = transition_str(t, slice_str(next.run_id));
    transition_event(t, event);
    run_close(t, WORKFLOW_EXECUTION_STATUS_FAILED);
    chain_follow(t, &next, NULL, in->failure);
    return ERR_OK;
}

static enum err command_cancel(struct transition *t, struct command_context *ctx,
                               const api_command *command)
{
    const api_cancel_workflow_execution_command_attributes *in =
        command->cancel_workflow_execution_command_attributes;
    api_history_event *event;

    if (t->run->buffered_count > 0)
        return command_unhandled(t, ctx);
    if (!in)
        return command_bad(t, ctx,
                           WORKFLOW_TASK_FAILED_CAUSE_BAD_CANCEL_WORKFLOW_EXECUTION_ATTRIBUTES,
                           "CancelWorkflowExecutionCommandAttributes is not set on "
                           "CancelWorkflowExecutionCommand.");

    api_workflow_execution_canceled_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED, &event);
    a->details = in->details;
    a->workflow_task_completed_event_id = ctx->completed_event_id;
    transition_event(t, event);
    run_close(t, WORKFLOW_EXECUTION_STATUS_CANCELED);
    return ERR_OK;
}

/* -- markers --------------------------------------------------------------------------------- */

static bool marker_too_large(const struct transition *t,
                             const api_record_marker_command_attributes *in)
{
    size_t bytes = 0;

    for (size_t i = 0; i < in->n_details; i++) {
        bytes += strlen(in->details[i]->key);
        if (in->details[i]->value)
            bytes += protobuf_c_message_get_packed_size(&in->details[i]->value->base);
    }
    return bytes > t->limits->blob_bytes_max;
}

enum err command_record_marker(struct transition *t, struct command_context *ctx,
                               const api_command *command)
{
    const api_record_marker_command_attributes *in = command->record_marker_command_attributes;
    const int32_t bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_RECORD_MARKER_ATTRIBUTES;
    api_history_event *event;

    if (!in)
        return command_bad(t, ctx, bad,
                           "RecordMarkerCommandAttributes is not set on RecordMarkerCommand.");
    if (!in->marker_name[0])
        return command_bad(t, ctx, bad, "MarkerName is not set on RecordMarkerCommand.");
    if (strlen(in->marker_name) > t->limits->id_bytes_max)
        return command_bad(t, ctx, bad,
                           "MarkerName on RecordMarkerCommand exceeds length limit. MarkerName=%s "
                           "Length=%zu Limit=%u",
                           in->marker_name, strlen(in->marker_name), t->limits->id_bytes_max);
    if (marker_too_large(t, in))
        return command_too_large(t, ctx, bad,
                                 "RecordMarkerCommandAttributes.Details exceeds size limit.");

    api_marker_recorded_event_attributes *a = engine_event(t, EVENT_TYPE_MARKER_RECORDED, &event);
    a->marker_name = in->marker_name;
    a->n_details = in->n_details;
    a->details = ARENA_ARRAY(t->arena, api_marker_recorded_event_attributes_details_entry *,
                             in->n_details + 1);
    for (size_t i = 0; i < in->n_details; i++) {
        a->details[i] =
            engine_message(t->arena, &api_marker_recorded_event_attributes_details_entry__desc);
        a->details[i]->key = in->details[i]->key;
        a->details[i]->value = in->details[i]->value;
    }
    a->workflow_task_completed_event_id = ctx->completed_event_id;
    a->header = in->header;
    a->failure = in->failure;
    transition_event(t, event);
    return ERR_OK;
}

/* -- search attributes ----------------------------------------------------------------------- */

enum err command_search_sizes(struct transition *t, struct command_context *ctx, int32_t bad,
                              const api_search_attributes *attributes)
{
    const char *fault =
        search_attributes_size_fault(t->arena, attributes, t->limits->search_attribute_bytes_max,
                                     t->limits->search_attributes_bytes_max);

    return fault ? command_too_large(t, ctx, bad, fault) : ERR_OK;
}

/* Names and values alone, as the reference counts them here. */
static size_t fields_bytes(const api_search_attributes *attributes)
{
    size_t bytes = 0;

    for (size_t i = 0; i < attributes->n_indexed_fields; i++) {
        const api_search_attributes_indexed_fields_entry *field = attributes->indexed_fields[i];

        bytes += strlen(field->key) + (field->value ? field->value->data.len : 0);
    }
    return bytes;
}

static enum err command_upsert_search_attributes(struct transition *t, struct command_context *ctx,
                                                 const api_command *command)
{
    const api_upsert_workflow_search_attributes_command_attributes *in =
        command->upsert_workflow_search_attributes_command_attributes;
    const int32_t bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES;
    api_history_event *event;

    if (!in)
        return command_bad(t, ctx, bad,
                           "UpsertWorkflowSearchAttributesCommandAttributes is not set on "
                           "UpsertWorkflowSearchAttributesCommand.");
    if (!in->search_attributes)
        return command_bad(t, ctx, bad,
                           "SearchAttributes is not set on UpsertWorkflowSearchAttributesCommand.");
    if (in->search_attributes->n_indexed_fields == 0)
        return command_bad(t, ctx, bad,
                           "IndexedFields is not set on UpsertWorkflowSearchAttributesCommand.");
    const char *fault =
        search_attributes_fault(t->arena, transition_search(t), t->run->namespace_name,
                                in->search_attributes, t->limits->search_attributes_max);
    if (fault)
        return command_bad(t, ctx, bad, "%s", fault);
    if (fields_bytes(in->search_attributes) > t->limits->blob_bytes_max)
        return command_too_large(
            t, ctx, bad, "UpsertWorkflowSearchAttributesCommandAttributes exceeds size limit.");
    const enum err err = command_search_sizes(
        t, ctx, bad, run_counted_search_attributes(t->run, t->arena, in->search_attributes));
    if (err != ERR_OK)
        return err;

    api_upsert_workflow_search_attributes_event_attributes *a =
        engine_event(t, EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES, &event);
    a->workflow_task_completed_event_id = ctx->completed_event_id;
    a->search_attributes =
        attributes_typed(t->arena, attributes_of_run(t), in->search_attributes, true);
    transition_event(t, event);
    run_merge_search_attributes(t->run, t->arena, a->search_attributes);
    t->visibility_changed = true;
    return ERR_OK;
}

/* -- the table ------------------------------------------------------------------------------- */

static const struct command_kind {
    engine_command_fn run;
    bool closes;
} kinds[] = {
    [COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK] = {command_schedule_activity, false},
    [COMMAND_TYPE_REQUEST_CANCEL_ACTIVITY_TASK] = {command_request_cancel_activity, false},
    [COMMAND_TYPE_START_TIMER] = {command_start_timer, false},
    [COMMAND_TYPE_CANCEL_TIMER] = {command_cancel_timer, false},
    [COMMAND_TYPE_RECORD_MARKER] = {command_record_marker, false},
    [COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION] = {command_complete, true},
    [COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION] = {command_fail, true},
    [COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION] = {command_cancel, true},
    [COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION] = {command_continue_as_new, true},
    [COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION] = {command_start_child, false},
    [COMMAND_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION] = {command_request_cancel_external,
                                                                 false},
    [COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION] = {command_signal_external, false},
    [COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES] = {command_upsert_search_attributes, false},
    [COMMAND_TYPE_MODIFY_WORKFLOW_PROPERTIES] = {command_modify_properties, false},
    [COMMAND_TYPE_PROTOCOL_MESSAGE] = {command_protocol_message, false},
    [COMMAND_TYPE_SCHEDULE_NEXUS_OPERATION] = {command_schedule_nexus, false},
    [COMMAND_TYPE_REQUEST_CANCEL_NEXUS_OPERATION] = {command_request_cancel_nexus, false},
};

static const struct command_kind *kind_of(const api_command *command)
{
    const int32_t type = (int32_t)command->command_type;

    if (type <= 0 || (size_t)type >= COUNT_OF(kinds) || !kinds[type].run)
        return NULL;
    return &kinds[type];
}

enum err commands_check_sequence(struct transition *t, size_t count, api_command *const *commands)
{
    for (size_t i = 0; i < count; i++) {
        const struct command_kind *kind = kind_of(commands[i]);
        if (!kind)
            return err_fail(t->detail, ERR_INVALID, "unknown command type: %s",
                            command_name(t, (int32_t)commands[i]->command_type));
        if (kind->closes && i + 1 < count) {
            const char *list = "";
            for (size_t j = 0; j < count && j < 20; j++)
                list = arena_printf(t->arena, "%s%s%s", list, j ? ", " : "",
                                    command_name(t, (int32_t)commands[j]->command_type));
            return err_fail(t->detail, ERR_INVALID,
                            "invalid command sequence: [%s], command %s must be the last command.",
                            list, command_name(t, (int32_t)commands[i]->command_type));
        }
    }
    return ERR_OK;
}

/* The case of the attributes must be that of the type: then the member is theirs or NULL. */
static bool attributes_fit(const api_command *command)
{
    static const char prefix[] = "COMMAND_TYPE_";
    const ProtobufCEnumValue *type = protobuf_c_enum_descriptor_get_value(
        &temporal__api__enums__v1__command_type__descriptor, (int)command->command_type);
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(
        &api_command__desc, (unsigned)command->attributes_case);

    if (!type || !field)
        return false;
    const char *name = type->name + sizeof(prefix) - 1, *member = field->name;
    for (; *name; name++, member++) {
        const char lower = *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;
        if (lower != *member)
            return false;
    }
    return strcmp(member, "_command_attributes") == 0;
}

enum err commands_run(struct transition *t, struct command_context *ctx, size_t count,
                      api_command *const *commands)
{
    enum err err = ERR_OK;

    t->commands_running = true;
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        const struct command_kind *kind = kind_of(commands[i]);
        must(kind != NULL); /* commands_check_sequence() came first */
        api_command command = *commands[i];
        if (!attributes_fit(&command)) /* absent, or of another command: none */
            command.schedule_activity_task_command_attributes = NULL;
        if (kind->closes)
            err = update_messages_closing(t, ctx);
        if (err != ERR_OK)
            break;
        t->command = &command;
        err = kind->run(t, ctx, &command);
        t->command = NULL;
    }
    t->commands_running = false;
    if (err == ERR_OK)
        transition_buffer_deferred(t);
    return err;
}
