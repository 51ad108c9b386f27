"""worker_bad_requests.py - polls and answers of workers that are refused: no queue, no token, a bad one, long names."""
from temporalio.api.enums.v1 import TaskQueueKind
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.basic import anew

LONG = "l" * 1001
ANSWERS = ("RespondWorkflowTaskCompleted", "RespondWorkflowTaskFailed", "RespondActivityTaskCompleted",
           "RespondActivityTaskFailed", "RespondActivityTaskCanceled", "RecordActivityTaskHeartbeat",
           "RespondQueryTaskCompleted")


def play(x):
    sticky = TaskQueue(name=x.queue + "-sticky", kind=TaskQueueKind.TASK_QUEUE_KIND_STICKY)
    polls = {"no queue": {}, "empty queue": dict(task_queue=TaskQueue()), "long queue": dict(task_queue=TaskQueue(name=LONG)),
             "long identity": dict(task_queue=TaskQueue(name=x.queue), identity=LONG),
             "reserved queue": dict(task_queue=TaskQueue(name="/_sys/other/1")),
             "no namespace": dict(task_queue=TaskQueue(name=x.queue), namespace=""),
             "unknown namespace": dict(task_queue=TaskQueue(name=x.queue), namespace="nowhere")}
    for method in ("PollWorkflowTaskQueue", "PollActivityTaskQueue"):
        for label, more in polls.items():
            x.call(method, getattr(api, method + "Request")(**{"namespace": "default", **more}), label=f"{method}: {label}")
    x.call("PollActivityTaskQueue", api.PollActivityTaskQueueRequest(namespace="default", task_queue=sticky), 0.5,
           label="sticky queue of activities")
    for method in ANSWERS:
        request = getattr(api, method + "Request")
        x.call(method, request(namespace="default"), label=f"{method}: no token")
        x.call(method, request(namespace="default", task_token=b"bad"), label=f"{method}: bad token")
        x.call(method, request(task_token=b"bad"), label=f"{method}: no namespace")
    anew(x)
    task = x.poll()
    x.call("RespondWorkflowTaskCompleted", api.RespondWorkflowTaskCompletedRequest(
        namespace="default", task_token=task.task_token, identity=LONG), label="long identity of an answer")
    x.outline()
