"""operations_workflow_pause_disabled.py - workflows may not be paused, and one that is not paused not be unpaused."""
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def play(x):
    x.start()
    x.call("PauseWorkflowExecution", api.PauseWorkflowExecutionRequest(
        namespace="default", workflow_id=x.workflow_id, identity="operator", reason="r", request_id="q"), label="pause")
    for label, more in {"not paused": {}, "long reason": {"reason": "r" * 1001}, "long request": {"request_id": "q" * 1001},
                        "long identity": {"identity": "i" * 1001}}.items():
        x.call("UnpauseWorkflowExecution", api.UnpauseWorkflowExecutionRequest(
            **{"namespace": "default", "workflow_id": x.workflow_id, **more}), label=f"unpause: {label}")
    x.terminate()
    x.call("UnpauseWorkflowExecution", api.UnpauseWorkflowExecutionRequest(
        namespace="default", workflow_id=x.workflow_id), label="unpause: closed")
