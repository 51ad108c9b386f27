"""queue_poller_versions.py - what pollers said of their versions is told with them."""
from temporalio.api.common.v1 import WorkerVersionCapabilities
from temporalio.api.deployment.v1 import WorkerDeploymentOptions
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.basic import end


def look(x, label):
    x.call("DescribeTaskQueue", api.DescribeTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=x.queue), task_queue_type=1), label=label, show=True)


def poll(x, identity, **more):
    x.signal(identity)
    x.complete(x.call("PollWorkflowTaskQueue", api.PollWorkflowTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=x.queue), identity=identity, **more)))


def play(x):
    x.start()
    poll(x, "a", worker_version_capabilities=WorkerVersionCapabilities(build_id="b1"))
    look(x, "a build id")
    poll(x, "a", worker_version_capabilities=WorkerVersionCapabilities(build_id="b2"),
         deployment_options=WorkerDeploymentOptions(deployment_name="d", build_id="b2", worker_versioning_mode=1))
    look(x, "both ways, of another build")
    poll(x, "a")
    look(x, "nothing any more")
    x.signal("s")
    end(x)
