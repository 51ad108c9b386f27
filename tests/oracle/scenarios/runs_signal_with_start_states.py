"""runs_signal_with_start_states.py - SignalWithStart on no run, a running one, a closed one, with every policy."""
from kit.runs import signal_with_start
from lab import command
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy, WorkflowIdReusePolicy


def play(x):
    conflict, reuse = WorkflowIdConflictPolicy, WorkflowIdReusePolicy
    signal_with_start(x, "none yet", request_id="one")
    signal_with_start(x, "same request", request_id="one")
    signal_with_start(x, "running")
    for policy in conflict.values():
        if policy != conflict.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING:
            signal_with_start(x, "running, " + conflict.Name(policy), workflow_id_conflict_policy=policy)
    for policy in reuse.values():
        if policy != reuse.WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING:
            signal_with_start(x, "running, " + reuse.Name(policy), workflow_id_reuse_policy=policy)
    x.outline()
    old = x.run_id
    signal_with_start(x, "terminate existing",
                      workflow_id_conflict_policy=conflict.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING)
    x.history("the old", execution=x.execution(run_id=old))
    x.history("the new")
    old = x.run_id
    signal_with_start(x, "terminate if running",
                      workflow_id_reuse_policy=reuse.WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING)
    x.history("the old", execution=x.execution(run_id=old))
    x.history("the new")
    x.complete(x.poll(), command("complete_workflow_execution"))
    for policy in (reuse.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
                   reuse.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY):
        signal_with_start(x, "completed, " + reuse.Name(policy), workflow_id_reuse_policy=policy)
    signal_with_start(x, "completed")
    x.terminate()
    signal_with_start(x, "terminated, failed only",
                      workflow_id_reuse_policy=reuse.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY)
    x.history()
