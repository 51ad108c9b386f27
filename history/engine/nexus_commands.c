/* nexus_commands.c - the commands of Nexus operations: there are no endpoints, so each is refused.
 *
 * Spec: the reference's causes and words where nobody has created an endpoint. */
#include "history/engine/engine_int.h"

#define SYSTEM_ENDPOINT "__temporal_system" /* of the server itself: it has no services here */

enum err command_schedule_nexus(struct transition *t, struct command_context *ctx,
                                const api_command *command)
{
    const api_schedule_nexus_operation_command_attributes *in =
        command->schedule_nexus_operation_command_attributes;
    const int32_t bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_SCHEDULE_NEXUS_OPERATION_ATTRIBUTES;

    if (!in)
        return command_bad(t, ctx, bad, "empty ScheduleNexusOperationCommandAttributes");
    if (strcmp(in->endpoint, SYSTEM_ENDPOINT) != 0)
        return command_bad(t, ctx, bad, "endpoint %s not found",
                           engine_quoted(t->arena, slice_str(in->endpoint)));
    if (in->n_nexus_header > 0)
        return command_bad(t, ctx, bad,
                           "ScheduleNexusOperationCommandAttributes.NexusHeader must be empty when "
                           "using " SYSTEM_ENDPOINT " endpoint");
    return command_bad(t, ctx, bad, "service %s not found",
                       engine_quoted(t->arena, slice_str(in->service)));
}

enum err command_request_cancel_nexus(struct transition *t, struct command_context *ctx,
                                      const api_command *command)
{
    const api_request_cancel_nexus_operation_command_attributes *in =
        command->request_cancel_nexus_operation_command_attributes;
    const int32_t bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_REQUEST_CANCEL_NEXUS_OPERATION_ATTRIBUTES;

    if (!in)
        return command_bad(t, ctx, bad, "empty CancelNexusOperationCommandAttributes");
    return command_bad(t, ctx, bad,
                       "requested cancelation for a non-existing or already completed operation "
                       "with scheduled event ID of %lld",
                       (long long)in->scheduled_event_id);
}
