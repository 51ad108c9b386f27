/* search_attributes.c - see search_attributes.h. Spec: the reference's validator and its tables. */
#include "common/proto/search_attributes.h"

/* Set by the server alone. */
static const char *const system_names[] = {
    "WorkflowId",
    "RunId",
    "WorkflowType",
    "StartTime",
    "ExecutionTime",
    "CloseTime",
    "ExecutionStatus",
    "TaskQueue",
    "HistoryLength",
    "ExecutionDuration",
    "StateTransitionCount",
    "HistorySizeBytes",
    "ParentWorkflowId",
    "ParentRunId",
    "RootWorkflowId",
    "RootRunId",
    "TemporalWorkerDeploymentVersion",
    "TemporalWorkflowVersioningBehavior",
    "TemporalWorkerDeployment",
    "TemporalUsedWorkerDeploymentVersions",
    "TemporalExternalPayloadCount",
    "TemporalExternalPayloadSizeBytes",
};

/* There without being registered. */
static const struct predefined {
    const char *name, *type;
} predefined[] = {
    {"TemporalChangeVersion", "KeywordList"},
    {"BinaryChecksums", "KeywordList"},
    {"BuildIds", "KeywordList"},
    {"BatcherNamespace", "Keyword"},
    {"BatcherUser", "Keyword"},
    {"TemporalScheduledStartTime", "Datetime"},
    {"TemporalScheduledById", "Keyword"},
    {"TemporalSchedulePaused", "Bool"},
    {"TemporalNamespaceDivision", "Keyword"},
    {"TemporalPauseInfo", "KeywordList"},
    {"TemporalReportedProblems", "KeywordList"},
};

/* The reference's limits of a namespace: limits of a value, of all, and of their number. */

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

const char *search_attribute_type(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(predefined); i++)
        if (strcmp(name, predefined[i].name) == 0)
            return predefined[i].type;
    return NULL;
}

static struct slice encoding_of(const api_payload *payload)
{
    for (size_t i = 0; i < payload->n_metadata; i++)
        if (strcmp(payload->metadata[i]->key, "encoding") == 0)
            return slice_of(payload->metadata[i]->value.data, payload->metadata[i]->value.len);
    return SLICE_EMPTY;
}

static const char *value_fault(struct arena *arena, const char *name, const char *type,
                               const api_payload *payload)
{
    const char *shown = "value from <payload>";

    if (!payload || slice_eq(encoding_of(payload), SLICE_LIT("binary/null")))
        return NULL;
    const struct slice json = slice_of(payload->data.data, payload->data.len);
    if (slice_eq(encoding_of(payload), SLICE_LIT("json/plain"))) {
        if (search_value_fits(type, json))
            return NULL;
        shown = search_value_shown(arena, json);
    }
    return arena_printf(arena, "invalid value for search attribute %s of type %s: %s", name, type,
                        shown);
}

const char *search_attributes_unknown(struct arena *arena, struct slice namespace_name,
                                      const api_search_attributes *attributes)
{
    for (size_t i = 0; attributes && i < attributes->n_indexed_fields; i++) {
        const char *name = attributes->indexed_fields[i]->key;

        if (!search_attribute_type(name) && !is_one_of(name, system_names, COUNT_OF(system_names)))
            return arena_printf(
                arena, "Namespace " SLICE_FMT " has no mapping defined for search attribute %s",
                SLICE_ARG(namespace_name), name);
    }
    return NULL;
}

const char *search_attributes_fault(struct arena *arena, struct slice namespace_name,
                                    const api_search_attributes *attributes, uint32_t count_max)
{
    const char *fault = search_attributes_unknown(arena, namespace_name, attributes);

    if (fault)
        return fault;
    if (attributes && attributes->n_indexed_fields > count_max)
        return arena_printf(arena, "number of search attributes %zu exceeds limit %u",
                            attributes->n_indexed_fields, count_max);
    for (size_t i = 0; attributes && i < attributes->n_indexed_fields; i++) {
        const char *name = attributes->indexed_fields[i]->key;
        const char *type = search_attribute_type(name);

        if (is_one_of(name, system_names, COUNT_OF(system_names)))
            return arena_printf(arena, "%s attribute can't be set in SearchAttributes", name);
        must(type != NULL);
        fault = value_fault(arena, name, type, attributes->indexed_fields[i]->value);
        if (fault)
            return fault;
    }
    return NULL;
}

const char *search_attributes_size_fault(struct arena *arena,
                                         const api_search_attributes *attributes,
                                         size_t value_bytes_max, size_t bytes_max)
{
    for (size_t i = 0; attributes && i < attributes->n_indexed_fields; i++) {
        const api_payload *value = attributes->indexed_fields[i]->value;

        if (value && value->data.len > value_bytes_max)
            return arena_printf(arena, "search attribute %s value size %zu exceeds size limit %zu",
                                attributes->indexed_fields[i]->key, value->data.len,
                                value_bytes_max);
    }
    const size_t bytes = attributes ? protobuf_c_message_get_packed_size(&attributes->base) : 0;
    if (bytes > bytes_max)
        return arena_printf(arena, "total size of search attributes %zu exceeds size limit %zu",
                            bytes, bytes_max);
    return NULL;
}
