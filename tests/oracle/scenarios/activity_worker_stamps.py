"""activity_worker_stamps.py - who has an activity: versions and deployments of polls and answers, in what is shown."""
from temporalio.api.common.v1 import RetryPolicy, WorkerVersionCapabilities, WorkerVersionStamp
from temporalio.api.taskqueue.v1 import TaskQueue, TaskQueueMetadata
from temporalio.api.workflowservice.v1 import request_response_pb2 as api
from google.protobuf.wrappers_pb2 import DoubleValue

from kit.activity import activity, application
from kit.basic import end
from lab import payloads, seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, retry_policy=RetryPolicy(initial_interval=seconds(0.1))))
    task = x.call("PollActivityTaskQueue", api.PollActivityTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=x.queue), identity="first",
        task_queue_metadata=TaskQueueMetadata(max_tasks_per_second=DoubleValue(value=100)),
        worker_version_capabilities=WorkerVersionCapabilities(build_id="b1", use_versioning=False)), show=True)
    x.describe("with the first")
    x.heartbeat(task, details=payloads("h"))
    x.fail_activity(task, application(), worker_version=WorkerVersionStamp(build_id="b2"))
    x.pending_activity(lambda a: a.attempt == 2)
    x.describe("after the first")
    task = x.poll_activity()
    x.complete_activity(task, result=payloads("r"), worker_version=WorkerVersionStamp(build_id="b3"))
    end(x)
