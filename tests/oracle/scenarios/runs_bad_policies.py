"""runs_bad_policies.py - policies that exclude each other, and one that there is not."""
from kit.runs import signal_with_start
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy, WorkflowIdReusePolicy


def play(x):
    conflict, reuse = WorkflowIdConflictPolicy, WorkflowIdReusePolicy
    for policy in conflict.values():
        x.start(show=True, label="terminate if running, " + conflict.Name(policy),
                workflow_id_reuse_policy=reuse.WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING,
                workflow_id_conflict_policy=policy)
        x.terminate()
    x.start(show=True, label="reject duplicate, terminate existing",
            workflow_id_reuse_policy=reuse.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
            workflow_id_conflict_policy=conflict.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING)
    for policy in conflict.values():
        signal_with_start(x, "signal, terminate if running, " + conflict.Name(policy),
                          workflow_id_reuse_policy=reuse.WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING,
                          workflow_id_conflict_policy=policy)
    signal_with_start(x, "signal, reject duplicate, terminate existing",
                      workflow_id_reuse_policy=reuse.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
                      workflow_id_conflict_policy=conflict.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING)
    x.start(show=True, label="no such policy", workflow_id_reuse_policy=17)
    x.start(show=True, label="request id too long", request_id="r" * 1001)
