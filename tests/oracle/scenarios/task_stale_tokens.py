"""task_stale_tokens.py - tokens of the last attempt, of nothing, and none."""
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.task import OOPS


def play(x):
    x.start()
    task = x.poll()
    x.fail_task(task, failure=OOPS)
    x.complete(task, label="failed")
    x.fail_task(task, label="failed, fails")
    x.complete(b"rubbish", label="rubbish")
    x.complete(b"", label="none")
    for label, token in {"rubbish": b"rubbish", "none": b""}.items():
        x.call("RespondWorkflowTaskFailed", api.RespondWorkflowTaskFailedRequest(namespace="default", task_token=token),
               label=f"fails: {label}")
        x.call("RespondQueryTaskCompleted", api.RespondQueryTaskCompletedRequest(namespace="default", task_token=token),
               label=f"query: {label}")
