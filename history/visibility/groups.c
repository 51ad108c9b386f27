/* groups.c - see groups.h. Spec: a group bears its value as a search attribute's payload; what
 * lacks the attribute is a group of its own. */
#include "history/visibility/groups.h"

#include "common/base/buf.h"
#include "common/proto/json.h"

struct counted {
    struct map_node node; /* by JSON; empty: without the attribute */
    enum vis_type type;
    int64_t count;
};

void vis_groups_init(struct vis_groups *groups, uint64_t seed)
{
    map_init(&groups->by_value, seed);
    arena_init(&groups->arena);
}

void vis_groups_release(struct vis_groups *groups)
{
    map_release(&groups->by_value);
    arena_release(&groups->arena);
}

static const char *status_name(int64_t status)
{
    static const char *const names[] = {
        [WORKFLOW_EXECUTION_STATUS_RUNNING] = "Running",
        [WORKFLOW_EXECUTION_STATUS_COMPLETED] = "Completed",
        [WORKFLOW_EXECUTION_STATUS_FAILED] = "Failed",
        [WORKFLOW_EXECUTION_STATUS_CANCELED] = "Canceled",
        [WORKFLOW_EXECUTION_STATUS_TERMINATED] = "Terminated",
        [WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW] = "ContinuedAsNew",
        [WORKFLOW_EXECUTION_STATUS_TIMED_OUT] = "TimedOut",
        [WORKFLOW_EXECUTION_STATUS_PAUSED] = "Paused",
    };
    const char *name = status > 0 && status < (int64_t)COUNT_OF(names) ? names[status] : NULL;

    return name ? name : "Unspecified";
}

static struct slice json_of(const struct vis_datum *datum, struct arena *arena)
{
    struct buf out;

    if (datum->shape == VIS_SHAPE_INTEGER)
        return slice_str(arena_printf(arena, "%lld", (long long)datum->number));
    buf_init(&out, 0);
    json_put_string(&out, datum->text);
    must(buf_ok(&out));
    const struct slice json = arena_copy(arena, buf_slice(&out));
    buf_release(&out);
    return json;
}

static struct slice value_of(const struct vis_group *by, const struct vis_execution *execution,
                             struct arena *scratch, enum vis_type *type)
{
    struct vis_attribute_value value;
    struct vis_datum datum;

    *type = by->type;
    if (!by->is_custom && vis_system_value(execution, by->name, &datum)) {
        if (!slice_eq(by->name, SLICE_LIT("ExecutionStatus")))
            return json_of(&datum, scratch);
        *type = VIS_KEYWORD;
        datum = (struct vis_datum){.shape = VIS_SHAPE_STRING,
                                   .text = slice_str(status_name(datum.number))};
        return json_of(&datum, scratch);
    }
    if (vis_attribute_find(execution, by->name, &value) && (!value.type || value.type == by->type))
        return value.json;
    return SLICE_EMPTY;
}

enum err vis_groups_add(struct vis_groups *groups, const struct vis_group *by,
                        const struct vis_execution *execution, uint64_t times,
                        struct arena *scratch)
{
    enum vis_type type;
    const struct slice json = value_of(by, execution, scratch, &type);
    struct map_node *node = map_get(&groups->by_value, json);

    if (!node) {
        if (groups->by_value.count == VIS_COUNTED_GROUPS_MAX)
            return ERR_BUSY;
        struct counted *counted = ARENA_NEW(&groups->arena, struct counted);
        counted->type = type;
        node = &counted->node;
        map_put(&groups->by_value, arena_copy(&groups->arena, json), node);
    }
    CONTAINER_OF(node, struct counted, node)->count += (int64_t)times;
    return ERR_OK;
}

static api_payload_metadata_entry *metadata(struct arena *arena, const char *key, const char *value)
{
    api_payload_metadata_entry *entry = ARENA_NEW(arena, api_payload_metadata_entry);

    protobuf_c_message_init(&api_payload_metadata_entry__desc, entry);
    entry->key = arena_str(arena, slice_str(key));
    entry->value.data = (uint8_t *)arena_str(arena, slice_str(value));
    entry->value.len = strlen(value);
    return entry;
}

static api_payload *payload_of(const struct counted *counted, struct arena *arena)
{
    api_payload *payload = ARENA_NEW(arena, api_payload);
    const struct slice json = counted->node.key;

    protobuf_c_message_init(&api_payload__desc, payload);
    payload->metadata = ARENA_ARRAY(arena, api_payload_metadata_entry *, 2);
    payload->metadata[payload->n_metadata++] =
        metadata(arena, "encoding", json.len > 0 ? "json/plain" : "binary/null");
    if (json.len == 0)
        return payload;
    payload->metadata[payload->n_metadata++] =
        metadata(arena, "type", vis_type_shown(counted->type));
    payload->data.data = (uint8_t *)arena_str(arena, json);
    payload->data.len = json.len;
    return payload;
}

void vis_groups_show(const struct vis_groups *groups, struct arena *arena,
                     api_count_workflow_executions_response *out)
{
    typedef api_count_workflow_executions_response_aggregation_group group_type;

    out->groups = ARENA_ARRAY(arena, group_type *, groups->by_value.count + 1);
    for (struct map_node *it = map_next(&groups->by_value, NULL); it;
         it = map_next(&groups->by_value, it)) {
        const struct counted *counted = CONTAINER_OF(it, struct counted, node);
        group_type *group = ARENA_NEW(arena, group_type);

        protobuf_c_message_init(&api_count_workflow_executions_response_aggregation_group__desc,
                                group);
        group->count = counted->count;
        group->group_values = ARENA_ARRAY(arena, api_payload *, 1);
        group->group_values[group->n_group_values++] = payload_of(counted, arena);
        out->groups[out->n_groups++] = group;
    }
}
