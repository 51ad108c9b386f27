"""runs_reuse_after_each_end.py - a start, and a signal with start, over a run of each kind of end: failed only, reject."""
from kit.basic import anew
from kit.runs import follow, signal_with_start
from lab import command, seconds
from temporalio.api.enums.v1 import WorkflowIdReusePolicy

ONLY = WorkflowIdReusePolicy.Value("WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY")
REJECT = WorkflowIdReusePolicy.Value("WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE")
ENDS = {"failed": command("fail_workflow_execution"), "canceled": command("cancel_workflow_execution"),
        "completed": command("complete_workflow_execution")}


def tries(x, label):
    x.start(show=True, label=f"start, {label}, reject", workflow_id_reuse_policy=REJECT)
    signal_with_start(x, f"signal, {label}, reject", workflow_id_reuse_policy=REJECT)
    if signal_with_start(x, f"signal, {label}, failed only", workflow_id_reuse_policy=ONLY):
        x.terminate()
    x.start(show=True, label=f"start, {label}, failed only", workflow_id_reuse_policy=ONLY)


def play(x):
    for label, close in ENDS.items():
        anew(x)
        x.complete(x.poll(), close)
        tries(x, label)
    anew(x, workflow_run_timeout=seconds(1))
    x.await_close()
    tries(x, "timed out")
    anew(x)
    x.complete(x.poll(), command("continue_as_new_workflow_execution"))
    follow(x)
    x.complete(x.poll(), command("complete_workflow_execution"))
    tries(x, "continued and completed")
