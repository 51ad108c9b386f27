"""callbacks_chain.py - completion callbacks go with the chain of runs, and are told once, of its end."""
from temporalio.api.common.v1 import WorkflowType
from temporalio.api.enums.v1 import CallbackState
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.receiver import SETTINGS, receiving  # noqa: F401 the runner reads SETTINGS
from kit.runs import follow
from lab import command, payloads

STANDBY, SUCCEEDED = CallbackState.CALLBACK_STATE_STANDBY, CallbackState.CALLBACK_STATE_SUCCEEDED


def play(x):
    with receiving(x) as receiver:
        x.start(completion_callbacks=[receiver.callback("/chain", a="b")])
        receiver.described("first run", [STANDBY])
        x.complete(x.poll(), command("continue_as_new_workflow_execution", workflow_type=WorkflowType(name="t"),
                                     task_queue=TaskQueue(name=x.queue)))
        follow(x)
        receiver.described("second run", [STANDBY])
        x.complete(x.poll(), command("complete_workflow_execution", result=payloads("end")))
        receiver.tell("the end")
        receiver.described("second run closed", [SUCCEEDED])
