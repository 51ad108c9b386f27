"""runs_back_off_terminate_existing.py - a start, and a signal with start, that end a run in its back-off."""
from kit.runs import follow, signal_with_start
from lab import command, seconds
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy, WorkflowIdReusePolicy

EXISTING = WorkflowIdConflictPolicy.Value("WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING")
RUNNING = WorkflowIdReusePolicy.Value("WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING")


def play(x):
    x.start(cron_schedule="@every 3600s")
    old = x.run_id
    x.start(show=True, workflow_start_delay=seconds(60), workflow_id_conflict_policy=EXISTING)
    x.history("the scheduled one", execution=x.execution(run_id=old))
    old = x.run_id
    signal_with_start(x, "over a delayed start", workflow_id_reuse_policy=RUNNING)
    x.history("the delayed one", execution=x.execution(run_id=old))
    x.complete(x.poll(), command("continue_as_new_workflow_execution", backoff_start_interval=seconds(60)))
    follow(x)
    old = x.run_id
    signal_with_start(x, "over a continuation in back-off", workflow_id_conflict_policy=EXISTING,
                      workflow_start_delay=seconds(50))
    x.history("the continued one", execution=x.execution(run_id=old))
    x.history("the last")
    x.describe("the last")
