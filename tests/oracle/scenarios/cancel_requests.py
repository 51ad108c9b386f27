"""cancel_requests.py - requests to cancel: repeated, after the next run began, with a wrong first run."""
import uuid

from temporalio.api.common.v1 import WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.links import link
from lab import command, payloads


def play(x):
    request_id = str(uuid.uuid4())
    x.start()
    x.cancel(request_id=request_id, reason="why", links=[link()])
    x.cancel(request_id=request_id, label="same")
    x.cancel(label="other")
    x.describe()
    x.complete(x.poll(), command("continue_as_new_workflow_execution", workflow_type=WorkflowType(name="wf-type"),
                                 task_queue=TaskQueue(name=x.queue)))
    x.run_id = ""
    x.await_events(2)  # the next run's task waits if the first one lived less than a second
    x.cancel(request_id=request_id, label="same in the next run")
    x.outline()
    x.cancel(request_id="r" * 1001, label="long request id")
    first = dict(namespace="default", workflow_execution=x.execution(), first_execution_run_id="bad")
    x.call("RequestCancelWorkflowExecution", api.RequestCancelWorkflowExecutionRequest(**first), label="wrong first run")
    x.call("TerminateWorkflowExecution", api.TerminateWorkflowExecutionRequest(**first), label="terminate, wrong first run")
    x.terminate(details=payloads("d"), links=[link()])
    x.outline()
