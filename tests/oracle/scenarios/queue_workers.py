"""queue_workers.py - heartbeats of workers: listed, counted, filtered, described, gone."""
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.worker.v1 import PluginInfo, WorkerHeartbeat, WorkerHostInfo
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

QUERIES = [
    "SdkName = 'sdk'", "SdkName != 'sdk'", "SdkName starts_with 'sd'", "SdkName not starts_with 'sd'", "SdkName = ''",
    "sdkname = 'sdk'", "Status = 'Running'", "WorkerStatus = 'ShuttingDown'", "HostName is null",
    "HostName is not null", "BuildId = 'b' and DeploymentName = 'd'", "BuildId = 'b' or SdkVersion = '2'",
    "(BuildId = 'b') and (SdkVersion = '2')", "StartTime is null", "StartTime > '2023-11-14T22:13:20Z'",
    "StartTime >= '2023-11-14T22:13:20Z'", "StartTime between '2023-01-01T00:00:00Z' and '2024-01-01T00:00:00+05:00'",
    "StartTime not between '2023-01-01T00:00:00Z' and '2024-01-01T00:00:00Z'", "StartTime = 1700000000000000000",
    "StartTime = 'no time'", "SdkName < 'z'", "SdkName in ('sdk')", "SdkName like 's%'", "not SdkName = 'no'",
    "SdkName = 5", "Nothing = 'x'", "SdkName", "1 = 1", "SdkName =", "SdkName = 'x' and", "SdkName = 'x' y",
    "(SdkName = 'x'", "SdkName = 'x')", "SdkName = 'x", "SdkName ! 'x'", "SdkName = 'x' limit 3", " ",
]


def play(x):
    def ask(method, request, **how):
        return x.call(method, request, **how)

    def where(query):
        return f"({query}) and TaskQueue = '{x.queue}'" if query.count("'") % 2 == 0 else query

    keys = [f"{x.queue}-{n}" for n in "abc"]
    full = WorkerHeartbeat(
        worker_instance_key=keys[0], worker_identity="me", task_queue=x.queue, sdk_name="sdk",
        sdk_version="1", status=1,
        host_info=WorkerHostInfo(host_name="h", process_id="7", worker_grouping_key="g", current_host_cpu_usage=0.5),
        deployment_version=WorkerDeploymentVersion(deployment_name="d", build_id="b"),
        plugins=[PluginInfo(name="p", version="3")], start_time=Timestamp(seconds=1_700_000_000),
        total_sticky_cache_hit=4)
    others = [WorkerHeartbeat(worker_instance_key=key, task_queue=x.queue, sdk_name="sdk", sdk_version="2", status=2)
              for key in keys[1:]]
    ask("RecordWorkerHeartbeat", api.RecordWorkerHeartbeatRequest(
        namespace="default", worker_heartbeat=[full, *others]), show=True)
    ask("RecordWorkerHeartbeat", api.RecordWorkerHeartbeatRequest(namespace="default"), label="nothing", show=True)

    mine = f"TaskQueue = '{x.queue}'"
    token, pages = b"", 0
    while pages == 0 or token:
        page = ask("ListWorkers", api.ListWorkersRequest(
            namespace="default", query=mine, page_size=2, next_page_token=token), show=True)
        token, pages = page.next_page_token, pages + 1
    ask("CountWorkers", api.CountWorkersRequest(namespace="default", query=mine), show=True)
    ask("DescribeWorker", api.DescribeWorkerRequest(namespace="default", worker_instance_key=keys[0]), show=True)
    ask("DescribeWorker", api.DescribeWorkerRequest(namespace="default", worker_instance_key="nobody"))
    ask("DescribeWorker", api.DescribeWorkerRequest(namespace="default"), label="no key")
    ask("ListWorkers", api.ListWorkersRequest(namespace="default", page_size=1, next_page_token=b"?"), label="token")

    for query in QUERIES:
        bad = ask("ListWorkers", api.ListWorkersRequest(namespace="default", query=query), label=query)
        if bad is not None:
            counted = ask("CountWorkers", api.CountWorkersRequest(namespace="default", query=where(query)), label=query)
            x.say(f"== {query}: {counted.count if counted else 'refused'}")

    last = WorkerHeartbeat(worker_instance_key=keys[1], task_queue=x.queue, status=3)
    ask("RecordWorkerHeartbeat", api.RecordWorkerHeartbeatRequest(namespace="default", worker_heartbeat=[last]))
    ask("CountWorkers", api.CountWorkersRequest(namespace="default", query=mine), label="one has shut down", show=True)
