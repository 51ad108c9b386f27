"""pause.py - workflows that are paused."""
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

SETTINGS = {"frontend.WorkflowPauseEnabled": True}


def pause(x, label="pause", **more):
    fields = dict(namespace="default", workflow_id=x.workflow_id, run_id=x.run_id, identity="operator", reason="a rest",
                  request_id="pause")
    return x.call("PauseWorkflowExecution", api.PauseWorkflowExecutionRequest(**{**fields, **more}), label=label, show=True)


def unpause(x, label="unpause", **more):
    fields = dict(namespace="default", workflow_id=x.workflow_id, run_id=x.run_id, identity="operator", reason="go on",
                  request_id="unpause")
    return x.call("UnpauseWorkflowExecution", api.UnpauseWorkflowExecutionRequest(**{**fields, **more}), label=label,
                  show=True)
