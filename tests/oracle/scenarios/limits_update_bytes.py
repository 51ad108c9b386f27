"""limits_update_bytes.py - the bytes of the updates that are in flight."""
from temporalio.api.update.v1 import Input, Meta, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit import limited
from kit.limited import sized
from kit.updates import COMPLETED, Asked, idle, known

SETTINGS = limited.UPDATE_BYTES


def ask(x, update_id, size):
    return x.call("UpdateWorkflowExecution", api.UpdateWorkflowExecutionRequest(
        namespace="default", workflow_execution=x.execution(), wait_policy=WaitPolicy(lifecycle_stage=COMPLETED),
        request=Request(meta=Meta(update_id=update_id), input=Input(name="up", args=sized(size)))), 25.0,
        f"update {update_id}", True)


def play(x):
    idle(x)
    Asked(x, ask, "u1", 2000)
    known(x, "u1")
    ask(x, "u2", 2000)
    Asked(x, ask, "u3", 500)
    known(x, "u3")  # how the two end is shown elsewhere
    x.terminate()
