"""children.py - executions that act on each other: what asks for it, and how to look at both."""
import contextlib
import time

from temporalio.api.common.v1 import Payload, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import EventType, ParentClosePolicy
from temporalio.api.failure.v1 import Failure
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from lab import command

CHILD = "start_child_workflow_execution"
SIGNAL = "signal_external_workflow_execution"
CANCEL = "request_cancel_external_workflow_execution"
NIL = Payload(metadata={"encoding": b"binary/null"})
TERMINATE, ABANDON, REQUEST_CANCEL = (ParentClosePolicy.Value("PARENT_CLOSE_POLICY_" + name)
                                      for name in ("TERMINATE", "ABANDON", "REQUEST_CANCEL"))


def child_of(x):
    return "child-of-" + x.workflow_id


def start_child(x, **more):
    """On a task queue of its own."""
    fields = dict(workflow_id=child_of(x), workflow_type=WorkflowType(name="child-type"),
                  task_queue=TaskQueue(name=x.queue + "-c"))
    fields.update(more)
    return command(CHILD, **fields)


@contextlib.contextmanager
def looking_at(x, workflow_id, run_id=""):
    """The lab's calls are about that execution."""
    kept = x.workflow_id, x.run_id
    x.workflow_id, x.run_id = workflow_id, run_id
    yield
    x.workflow_id, x.run_id = kept


def await_type(x, name, count=1):
    x.await_events(count, event_type=EventType.Value("EVENT_TYPE_" + name))


def await_no_child(x):
    """Until the parent knows that its child has closed, be it in its buffer."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if not x.call("DescribeWorkflowExecution", api.DescribeWorkflowExecutionRequest(
                namespace="default", execution=x.execution()), raises=True).pending_children:
            return
        time.sleep(0.03)
    x.say("== TIMED OUT waiting for a child to be gone")


def parent_and_child(x, **more):
    """Both run; the parent has seen that its child started."""
    x.start()
    x.complete(x.poll(), start_child(x, **more))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    x.complete(x.poll())


def child_run(x):
    for event in x.events():
        if event.HasField("child_workflow_execution_started_event_attributes"):
            return event.child_workflow_execution_started_event_attributes.workflow_execution.run_id
    return ""


def both(x):
    x.history("history of the parent")
    x.describe("describe the parent")
    with looking_at(x, child_of(x), child_run(x)):
        x.history("history of the child")
        x.describe("describe the child")


def parent_closes(x, policy, close, state):
    """`state`: what the child's history shows then."""
    parent_and_child(x, parent_close_policy=policy)
    x.signal()
    close(x)
    with looking_at(x, child_of(x)):
        if state:
            await_type(x, state)
    both(x)


def completes(x):
    x.complete(x.poll(), command("complete_workflow_execution"))


def fails(x):
    x.complete(x.poll(), command("fail_workflow_execution", failure=Failure(message="no")))


def continues(x):
    x.complete(x.poll(), command("continue_as_new_workflow_execution"))


def terminated(x):
    x.terminate(reason="why")


def other(x):
    """Another open workflow."""
    name = "other-than-" + x.workflow_id
    with looking_at(x, name):
        x.start(workflow_id=name, task_queue=TaskQueue(name=x.queue + "-o"))
        run_id = x.run_id
    return name, run_id


def execution(name, run_id=""):
    return WorkflowExecution(workflow_id=name, run_id=run_id)
