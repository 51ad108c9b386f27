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
static const char *const predefined_names[] = {
    "TemporalChangeVersion",
    "BinaryChecksums",
    "BuildIds",
    "BatcherNamespace",
    "BatcherUser",
    "TemporalScheduledStartTime",
    "TemporalScheduledById",
    "TemporalSchedulePaused",
    "TemporalNamespaceDivision",
    "TemporalPauseInfo",
    "TemporalReportedProblems",
};

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

const char *search_attributes_fault(struct arena *arena, struct slice namespace_name,
                                    const api_search_attributes *attributes)
{
    for (size_t i = 0; attributes && i < attributes->n_indexed_fields; i++) {
        const char *name = attributes->indexed_fields[i]->key;

        if (is_one_of(name, system_names, COUNT_OF(system_names)))
            return arena_printf(arena, "%s attribute can't be set in SearchAttributes", name);
        if (!is_one_of(name, predefined_names, COUNT_OF(predefined_names)))
            return arena_printf(
                arena, "Namespace " SLICE_FMT " has no mapping defined for search attribute %s",
                SLICE_ARG(namespace_name), name);
    }
    return NULL;
}
