"""identity_left_out.py - who asks does not say who it is, nor why: what is written then."""
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import Header, Payloads, Priority
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.activity import activity
from kit.operations import options, pause, reset, unpause
from lab import seconds


def play(x):
    x.start(identity="")
    x.call("SignalWorkflowExecution", api.SignalWorkflowExecutionRequest(
        namespace="default", workflow_execution=x.execution(), signal_name="s", request_id="r", input=Payloads(),
        header=Header()))
    task = x.call("PollWorkflowTaskQueue", api.PollWorkflowTaskQueueRequest(
        namespace="default", task_queue={"name": x.queue}))
    x.call("RespondWorkflowTaskCompleted", api.RespondWorkflowTaskCompletedRequest(
        namespace="default", task_token=task.task_token, commands=[activity(x)]))
    pause(x, id="a", identity="", reason="")
    x.describe("paused")
    unpause(x, id="a", identity="")
    reset(x, id="a", identity="")
    options(x, "heartbeat_timeout", id="a", identity="", activity_options=ActivityOptions(heartbeat_timeout=seconds(9)))
    x.call("UpdateWorkflowExecutionOptions", api.UpdateWorkflowExecutionOptionsRequest(
        namespace="default", workflow_execution=x.execution(), update_mask=FieldMask(paths=["priority"]),
        workflow_execution_options=WorkflowExecutionOptions(priority=Priority(priority_key=2))), show=True)
    running = x.call("PollActivityTaskQueue", api.PollActivityTaskQueueRequest(
        namespace="default", task_queue={"name": x.queue}), show=True)
    x.describe("started")
    x.call("RecordActivityTaskHeartbeat", api.RecordActivityTaskHeartbeatRequest(
        namespace="default", task_token=running.task_token), show=True)
    x.call("RequestCancelWorkflowExecution", api.RequestCancelWorkflowExecutionRequest(
        namespace="default", workflow_execution=x.execution()), show=True)
    x.describe("canceled")
    x.call("RespondActivityTaskFailed", api.RespondActivityTaskFailedRequest(
        namespace="default", task_token=running.task_token), show=True)
    task = x.poll()
    x.call("RespondWorkflowTaskFailed", api.RespondWorkflowTaskFailedRequest(
        namespace="default", task_token=task.task_token), show=True)
    fork = x.call("ResetWorkflowExecution", api.ResetWorkflowExecutionRequest(
        namespace="default", workflow_execution=x.execution(), workflow_task_finish_event_id=5))
    x.history("of the base")
    if fork is not None:
        x.run_id = fork.run_id
        x.history("of the new run")
        x.terminate()
