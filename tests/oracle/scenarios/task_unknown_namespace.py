"""task_unknown_namespace.py - answers that name a namespace that there is not, with a good token and with none."""
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def play(x):
    x.start()
    task = x.poll()
    for method in ("RespondWorkflowTaskFailed", "RespondQueryTaskCompleted", "RespondActivityTaskCompleted",
                   "RespondActivityTaskFailed", "RespondActivityTaskCanceled", "RecordActivityTaskHeartbeat",
                   "RespondWorkflowTaskCompleted"):
        for label, token in {"": task.task_token, ", no token": b""}.items():
            x.call(method, getattr(api, method + "Request")(namespace="nope", task_token=token), label=method + label)
    x.complete(task)
    x.outline()
