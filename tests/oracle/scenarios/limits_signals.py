"""limits_signals.py - the signals that a run takes, of every kind, and the next run."""
from temporalio.api.common.v1 import WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue

from kit import limited
from kit.basic import end
from kit.runs import follow, signal_with_start
from lab import command

SETTINGS = limited.SIGNALS


def play(x):
    x.start()
    for n in range(2):
        x.signal(label=f"signal {n}", request_id="same")
    x.signal(label="second")
    signal_with_start(x, "signal with start")
    x.signal(label="fourth")
    x.signal(label="first again", request_id="same")
    signal_with_start(x, "signal with start, one more")
    x.complete(x.poll(), command("continue_as_new_workflow_execution", workflow_type=WorkflowType(name="t"),
                                 task_queue=TaskQueue(name=x.queue)))
    x.history("history of the first run")
    follow(x)
    x.signal(label="signal of the next run")
    end(x)
