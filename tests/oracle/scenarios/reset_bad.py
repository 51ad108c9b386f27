"""reset_bad.py - what a reset is refused for."""
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflow.v1 import PostResetOperation

from kit.reset import reset
from lab import command, seconds


def play(x):
    reset(x, 4, label="no such workflow")
    x.start()
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(600)))
    for event_id in (-1, 0, 1, 2, 5, 6, 7):
        reset(x, event_id, label=f"to event {event_id}")
    x.signal("s")
    reset(x, 6, label="to a signal")
    reset(x, 4, request_id="", label="no request id")
    reset(x, 4, request_id="x" * 1001, label="long request id")
    reset(x, 4, run_id="bad", label="bad run id")
    reset(x, 4, run_id="3f2504e0-4f89-41d3-9a0c-0305e82c3301", label="no such run")
    reset(x, 4, workflow_execution=WorkflowExecution(), label="no workflow id")
    reset(x, 4, post_reset_operations=[PostResetOperation(
        signal_workflow=PostResetOperation.SignalWorkflow(signal_name="s"))], label="signal after the reset")
    reset(x, 4, post_reset_operations=[PostResetOperation()], label="no operation after the reset")
    x.outline()
