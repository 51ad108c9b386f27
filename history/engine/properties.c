/* properties.c - what a workflow commands: change its memo.
 *
 * Spec: texts and order of checks of the reference server. */
#include "history/engine/engine_int.h"

#include "common/proto/wire.h"
#include "history/engine/attributes.h"

static bool among(const api_memo *memo, const char *key)
{
    for (size_t i = 0; i < memo->n_fields; i++)
        if (strcmp(memo->fields[i]->key, key) == 0)
            return true;
    return false;
}

/* `added` over the run's memo; a nil value removes. */
static struct slice merged_memo(const struct run *run, struct arena *arena, const api_memo *added)
{
    api_memo *all = engine_decode(arena, &api_memo__desc, bytes_slice(run->memo));

    must(all != NULL);
    api_memo_fields_entry **list =
        ARENA_ARRAY(arena, api_memo_fields_entry *, all->n_fields + added->n_fields + 1);
    size_t count = 0;
    for (size_t i = 0; i < all->n_fields; i++)
        if (!among(added, all->fields[i]->key))
            list[count++] = all->fields[i];
    for (size_t i = 0; i < added->n_fields; i++)
        if (!engine_payload_is_nil(added->fields[i]->value))
            list[count++] = added->fields[i];
    all->fields = list;
    all->n_fields = count;
    return proto_encode(arena, all);
}

void run_merge_memo(struct run *run, struct arena *arena, const api_memo *added)
{
    if (!added)
        return;
    bytes_set(&run->memo, merged_memo(run, arena, added));
    run->dirty = true;
}

static size_t fields_bytes(const api_memo *memo)
{
    size_t bytes = 0;

    for (size_t i = 0; i < memo->n_fields; i++)
        bytes += strlen(memo->fields[i]->key) +
                 (memo->fields[i]->value ? memo->fields[i]->value->data.len : 0);
    return bytes;
}

enum err command_modify_properties(struct transition *t, struct command_context *ctx,
                                   const api_command *command)
{
    const int32_t bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_MODIFY_WORKFLOW_PROPERTIES_ATTRIBUTES;
    const api_modify_workflow_properties_command_attributes *in =
        command->modify_workflow_properties_command_attributes;
    api_history_event *event;

    if (!in)
        return command_bad(t, ctx, bad,
                           "ModifyWorkflowPropertiesCommandAttributes is not set on "
                           "ModifyWorkflowPropertiesCommand.");
    if (!in->upserted_memo)
        return command_bad(t, ctx, bad,
                           "UpsertedMemo is not set on ModifyWorkflowPropertiesCommand.");
    if (in->upserted_memo->n_fields == 0)
        return command_bad(t, ctx, bad,
                           "UpsertedMemo.Fields is not set on ModifyWorkflowPropertiesCommand.");
    if (fields_bytes(in->upserted_memo) > t->limits->blob_bytes_max)
        return command_too_large(t, ctx, bad,
                                 "ModifyWorkflowPropertiesCommandAttributes exceeds size limit.");
    if (merged_memo(t->run, t->arena, in->upserted_memo).len > t->limits->memo_bytes_max)
        return command_too_large(
            t, ctx, bad, "ModifyWorkflowPropertiesCommandAttributes. Memo exceeds size limit.");

    api_workflow_properties_modified_event_attributes *a =
        engine_event(t, EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED, &event);
    a->workflow_task_completed_event_id = ctx->completed_event_id;
    a->upserted_memo = in->upserted_memo;
    transition_event(t, event);
    run_merge_memo(t->run, t->arena, in->upserted_memo);
    t->visibility_changed = true;
    return ERR_OK;
}
