"""task_other_namespace_token.py - a task token used in another namespace."""
import time

from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from lab import Lab, seconds


def play(x):
    x.start()
    task = x.poll()
    name = "oracle-other"
    Lab(x.address, "setup").call("RegisterNamespace", api.RegisterNamespaceRequest(
        namespace=name, workflow_execution_retention_period=seconds(86400)))
    end_time = time.monotonic() + 25
    while time.monotonic() < end_time:  # the reference learns of a namespace late
        probe = Lab(x.address, "setup")
        probe.call("ListWorkflowExecutions", api.ListWorkflowExecutionsRequest(namespace=name))
        probe.call("RespondWorkflowTaskFailed", api.RespondWorkflowTaskFailedRequest(namespace=name, task_token=b"x"))
        if not any("is not found" in line for line in probe.lines):
            break
        time.sleep(0.5)
    for method in ("RespondWorkflowTaskCompleted", "RespondWorkflowTaskFailed", "RespondActivityTaskCompleted",
                   "RespondActivityTaskFailed", "RespondActivityTaskCanceled", "RecordActivityTaskHeartbeat"):
        x.call(method, getattr(api, method + "Request")(namespace=name, task_token=task.task_token))
    x.complete(task)
    x.outline()
