"""runs_signal_with_start_again.py - SignalWithStart with the request id of a run that ended, or that is to be replaced."""
from kit.runs import signal_with_start
from lab import command
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy


def play(x):
    signal_with_start(x, "first", request_id="one")
    x.complete(x.poll(), command("complete_workflow_execution"))
    signal_with_start(x, "same request id after the end", request_id="one")
    x.outline("second")
    signal_with_start(x, "same request id, running", request_id="one")
    x.outline("still the second")
    signal_with_start(
        x, "same request id, replacing", request_id="one",
        workflow_id_conflict_policy=WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING)
    x.outline("third")
    x.terminate()
