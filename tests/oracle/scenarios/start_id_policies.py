"""start_id_policies.py - id reuse and conflict policies against running and closed runs."""
import uuid

from temporalio.api.enums.v1 import WorkflowIdConflictPolicy, WorkflowIdReusePolicy

from lab import command


def play(x):
    conflict, reuse = WorkflowIdConflictPolicy, WorkflowIdReusePolicy
    first = str(uuid.uuid4())
    x.start(show=True, request_id=first)
    x.start(show=True, label="same request", request_id=first)
    for policy in (conflict.WORKFLOW_ID_CONFLICT_POLICY_FAIL, conflict.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
                   conflict.WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED):
        x.start(show=True, label="running, " + conflict.Name(policy), workflow_id_conflict_policy=policy)
    for policy in reuse.values():
        if policy != reuse.WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING:
            x.start(show=True, label="running, " + reuse.Name(policy), workflow_id_reuse_policy=policy)
    x.outline()
    old = x.run_id
    x.start(show=True, label="terminate existing",
            workflow_id_conflict_policy=conflict.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING)
    x.history("history of the new")
    x.history("history of the old", execution=x.execution(run_id=old))
    old = x.run_id
    x.start(show=True, label="terminate if running",
            workflow_id_reuse_policy=reuse.WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING)
    x.history("history of the old", execution=x.execution(run_id=old))
    x.terminate()
    x.start(show=True, label="closed, reject duplicate",
            workflow_id_reuse_policy=reuse.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE)
    x.start(show=True, label="terminated, failed only",
            workflow_id_reuse_policy=reuse.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY)
    x.complete(x.poll(), command("complete_workflow_execution"))
    x.start(show=True, label="completed, failed only",
            workflow_id_reuse_policy=reuse.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY)
    x.start(show=True, label="completed, use existing",
            workflow_id_conflict_policy=conflict.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
    x.start(show=True, label="first request again", request_id=first)
    x.describe()
