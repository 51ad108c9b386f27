/* search_attributes.c - which search attributes a request may set. Spec: the reference's validator
 * and its tables of names; a namespace here has no attributes of its own. */
#include "frontend/validate.h"

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

enum err fe_check_search_attributes(struct fe_call *fc, const char *namespace_name,
                                    const api_search_attributes *attributes)
{
    for (size_t i = 0; attributes && i < attributes->n_indexed_fields; i++) {
        const char *name = attributes->indexed_fields[i]->key;

        if (is_one_of(name, system_names, COUNT_OF(system_names)))
            return err_fail(&fc->detail, ERR_INVALID,
                            "%s attribute can't be set in SearchAttributes", name);
        if (!is_one_of(name, predefined_names, COUNT_OF(predefined_names)))
            return err_fail(&fc->detail, ERR_INVALID,
                            "Namespace %s has no mapping defined for search attribute %s",
                            namespace_name, name);
    }
    return ERR_OK;
}
