"""limits_blob_of_commands.py - payloads of commands at the limit and one byte past it: the run ends, or its task fails."""
from temporalio.api.common.v1 import Memo, Payload, WorkflowExecution, WorkflowType
from temporalio.api.failure.v1 import Failure
from temporalio.api.taskqueue.v1 import TaskQueue

from kit import limited
from kit.activity import activity
from kit.basic import each
from kit.limited import sized
from lab import command

SETTINGS = limited.PAYLOADS


def play(x):
    kind, other = WorkflowType(name="t"), WorkflowExecution(workflow_id="w")
    queue = TaskQueue(name=x.queue)
    memo = Memo(fields={"m": Payload(data=b"x" * 700)})
    cases = {}
    for size in (1000, 1001):
        cases |= {
            f"activity input of {size}": activity(x, input=sized(size)),
            f"result of {size}": command("complete_workflow_execution", result=sized(size)),
            f"cancel details of {size}": command("cancel_workflow_execution", details=sized(size)),
            f"next run's input of {size}": command("continue_as_new_workflow_execution", workflow_type=kind,
                                                   task_queue=queue, input=sized(size)),
        }
    cases |= {
        "signal": command("signal_external_workflow_execution", signal_name="s", execution=other, input=sized(1001)),
        "marker": command("record_marker", marker_name="m", details={"d": sized(1001)}),
        "child input": command("start_child_workflow_execution", workflow_id="c", workflow_type=kind, input=sized(1001)),
        "child memo": command("start_child_workflow_execution", workflow_id="c", workflow_type=kind, memo=memo),
        "failure": command("fail_workflow_execution", failure=Failure(message="x" * 1001)),
        "memo": command("modify_workflow_properties", upserted_memo=memo),
        "next run's memo": command("continue_as_new_workflow_execution", workflow_type=kind, task_queue=queue, memo=memo),
    }
    each(x, cases)
