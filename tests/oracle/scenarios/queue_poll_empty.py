"""queue_poll_empty.py - polls of queues that nobody uses."""
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def play(x):
    x.call("PollWorkflowTaskQueue", api.PollWorkflowTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=x.queue), identity="worker"), 3.0, "empty poll", True)
    x.call("PollActivityTaskQueue", api.PollActivityTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=x.queue), identity="worker"), 3.0, "empty activity poll", True)
