"""queue_describe.py - DescribeTaskQueue before and after a poll."""
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def play(x):
    x.call("DescribeTaskQueue", api.DescribeTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=x.queue), task_queue_type=1), label="queue unused", show=True)
    x.start()
    x.complete(x.poll())
    x.call("DescribeTaskQueue", api.DescribeTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=x.queue), task_queue_type=1), label="queue polled", show=True)
    x.call("DescribeTaskQueue", api.DescribeTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=x.queue)), label="queue, no type", show=True)
    x.call("DescribeTaskQueue", api.DescribeTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=x.queue), task_queue_type=2), label="activity queue", show=True)
