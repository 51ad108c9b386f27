"""versioning_off.py - the calls of the two old kinds of worker versioning, which are off by default."""
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

METHODS = ("UpdateWorkerBuildIdCompatibility", "GetWorkerBuildIdCompatibility", "UpdateWorkerVersioningRules",
           "GetWorkerVersioningRules", "GetWorkerTaskReachability")


def play(x):
    for method in METHODS:
        request = getattr(api, method + "Request")
        x.call(method, request(namespace="default"), label=f"{method}: nothing asked")
        x.call(method, request(), label=f"{method}: no namespace")
        x.call(method, request(namespace="nobody's"), label=f"{method}: unknown namespace")
        if "task_queue" in request.DESCRIPTOR.fields_by_name:
            x.call(method, request(namespace="default", task_queue="/_sys/q"), label=f"{method}: reserved queue")
            x.call(method, request(namespace="default", task_queue=x.queue), label=f"{method}: a queue")
    for build_ids in ([""], ["b"], ["b", "b"], ["b"] * 6):
        x.call("GetWorkerTaskReachability", api.GetWorkerTaskReachabilityRequest(
            namespace="default", build_ids=build_ids, task_queues=[x.queue]), label=f"builds {build_ids}")
    x.call("UpdateWorkerBuildIdCompatibility", api.UpdateWorkerBuildIdCompatibilityRequest(
        namespace="default", task_queue=x.queue, add_new_build_id_in_new_default_set="b"), label="a build id")
