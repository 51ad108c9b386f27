"""metadata_empty.py - user metadata that say nothing are still shown as given: of a run, a command, a child."""
from temporalio.api.common.v1 import WorkflowType
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import UserMetadata
from temporalio.api.taskqueue.v1 import TaskQueue

from lab import command, seconds


def play(x):
    empty = UserMetadata()
    x.start(user_metadata=empty)
    x.describe()
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60), user_metadata=empty),
               command("start_child_workflow_execution", workflow_id="c" + x.workflow_id, user_metadata=empty,
                       task_queue=TaskQueue(name=x.queue + "c"), workflow_type=WorkflowType(name="t")))
    x.await_events(1, event_type=EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED)
    x.history()
    x.complete(x.poll(), command("continue_as_new_workflow_execution", workflow_type=WorkflowType(name="wf-type"),
                                 task_queue=TaskQueue(name=x.queue), user_metadata=empty))
    x.show("the last event", x.events()[-1])
    x.run_id = ""
    x.describe("the next run")
    x.history("of the next run")
