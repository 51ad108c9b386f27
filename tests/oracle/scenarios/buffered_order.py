"""buffered_order.py - what comes while a task is started: ends of activities and children come last."""
from temporalio.api.common.v1 import WorkflowType
from temporalio.api.enums.v1 import EventType
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.activity import activity, application
from lab import command


def play(x):
    child_queue = x.queue + "c"
    x.start()
    x.complete(x.poll(), activity(x), activity(x, "b"),
               command("start_child_workflow_execution", workflow_id="c" + x.workflow_id, workflow_type=WorkflowType(name="ct"),
                       task_queue=TaskQueue(name=child_queue)))
    x.await_events(1, event_type=EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED)
    task = x.poll(label="after the child started")
    first, second = sorted((x.poll_activity(), x.poll_activity()), key=lambda a: a.activity_id)
    x.signal("one")
    x.complete_activity(first)
    x.complete(x.poll(queue=child_queue), command("complete_workflow_execution"))
    x.signal("two")
    x.fail_activity(second, failure=application(non_retryable=True))
    x.cancel()
    x.describe("with buffered")
    x.complete(task, command("record_marker", marker_name="m"))
    x.history()
    x.describe()
