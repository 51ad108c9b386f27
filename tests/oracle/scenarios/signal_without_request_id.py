"""signal_without_request_id.py - a signal whose client gave no request id."""
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def play(x):
    x.start()
    x.history("before")
    x.call("SignalWorkflowExecution", api.SignalWorkflowExecutionRequest(
        namespace="default", workflow_execution=x.execution(), signal_name="s"), show=True)
    x.history()
