"""test_worker_heartbeats.py - what workers say of themselves, and who asks for it."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import WorkerStatus
from temporalio.api.worker.v1 import PluginInfo, WorkerHeartbeat, WorkerHostInfo
from temporalio.api.workflowservice.v1 import (
    CountWorkersRequest,
    DescribeNamespaceRequest,
    DescribeWorkerRequest,
    ListWorkersRequest,
    RecordWorkerHeartbeatRequest,
    ShutdownWorkerRequest,
)
from temporalio.service import RPCError, RPCStatusCode

from harness import NAMESPACE, eventually, unique


def heartbeat(key, queue, **more):
    return WorkerHeartbeat(
        worker_instance_key=key,
        worker_identity="me@" + key,
        task_queue=queue,
        status=WorkerStatus.WORKER_STATUS_RUNNING,
        heartbeat_time=Timestamp(seconds=1_700_000_000),
        **more,
    )


def rpc(session):
    return session.client.workflow_service


async def record(session, *heartbeats):
    await rpc(session).record_worker_heartbeat(
        RecordWorkerHeartbeatRequest(namespace=NAMESPACE, worker_heartbeat=heartbeats)
    )


async def keys(session, query, **more):
    answer = await rpc(session).list_workers(ListWorkersRequest(namespace=NAMESPACE, query=query, **more))
    return [w.worker_instance_key for w in answer.workers]


async def test_workers_are_listed_counted_and_described(session, queue):
    one, two = unique("worker-a"), unique("worker-b")
    first = heartbeat(
        one,
        queue,
        sdk_name="sdk",
        sdk_version="1.2",
        host_info=WorkerHostInfo(host_name="host", process_id="7", worker_grouping_key="group"),
        deployment_version=WorkerDeploymentVersion(deployment_name="d", build_id="b"),
        plugins=[PluginInfo(name="plugin", version="3")],
        start_time=Timestamp(seconds=5),
        total_sticky_cache_hit=11,
    )
    await record(session, first, heartbeat(two, queue))

    request = ListWorkersRequest(namespace=NAMESPACE, query=f"TaskQueue = '{queue}'")
    answer = await rpc(session).list_workers(request)
    assert [w.worker_instance_key for w in answer.workers] == [one, two]
    listed = answer.workers[0]
    assert (listed.host_name, listed.process_id, listed.worker_grouping_key) == ("host", "7", "group")
    assert (listed.sdk_name, listed.sdk_version, listed.task_queue) == ("sdk", "1.2", queue)
    assert listed.deployment_version == first.deployment_version and list(listed.plugins) == list(first.plugins)
    assert listed.start_time == first.start_time and listed.worker_identity == first.worker_identity
    assert answer.workers_info[0].worker_heartbeat == first

    request = CountWorkersRequest(namespace=NAMESPACE, query=f"TaskQueue = '{queue}'")
    counted = await rpc(session).count_workers(request)
    assert counted.count == 2
    described = await rpc(session).describe_worker(DescribeWorkerRequest(namespace=NAMESPACE, worker_instance_key=one))
    assert described.worker_info.worker_heartbeat == first


async def test_pages_of_workers(session, queue):
    names = sorted(unique("worker") for _ in range(5))
    await record(session, *(heartbeat(name, queue) for name in names))
    seen, token = [], b""
    while True:
        answer = await rpc(session).list_workers(
            ListWorkersRequest(namespace=NAMESPACE, query=f"TaskQueue='{queue}'", page_size=2, next_page_token=token)
        )
        seen.append([w.worker_instance_key for w in answer.workers])
        token = answer.next_page_token
        if not token:
            break
    assert seen == [names[:2], names[2:4], names[4:]]


async def test_a_worker_that_shuts_down_is_gone(session, queue):
    name = unique("worker")
    await record(session, heartbeat(name, queue))
    assert await keys(session, f"WorkerInstanceKey = '{name}'") == [name]
    last = heartbeat(name, queue)
    last.status = WorkerStatus.WORKER_STATUS_SHUTDOWN
    await rpc(session).shutdown_worker(ShutdownWorkerRequest(namespace=NAMESPACE, worker_heartbeat=last))

    async def gone():
        return await keys(session, f"WorkerInstanceKey = '{name}'") == []

    await eventually(gone, 10, "the worker is gone")


async def test_heartbeats_change_what_is_known(session, queue):
    name = unique("worker")
    await record(session, heartbeat(name, queue, sdk_version="1"))
    await record(session, heartbeat(name, queue, sdk_version="2"))
    assert await keys(session, f"WorkerInstanceKey = '{name}' and SdkVersion = '2'") == [name]
    assert await keys(session, f"WorkerInstanceKey = '{name}' and SdkVersion = '1'") == []


@pytest.mark.parametrize(
    "request_, code, text",
    [
        (
            ListWorkersRequest(namespace=NAMESPACE, query="TaskQueue = "),
            RPCStatusCode.INVALID_ARGUMENT,
            "malformed query: syntax error at position 39",
        ),
        (
            ListWorkersRequest(namespace=NAMESPACE, next_page_token=b"?"),
            RPCStatusCode.INVALID_ARGUMENT,
            "invalid next_page_token",
        ),
        (
            CountWorkersRequest(namespace=NAMESPACE, query="TaskQueue = 'q' limit 1"),
            RPCStatusCode.INVALID_ARGUMENT,
            "operation is not supported: 'limit' clause",
        ),
        (
            DescribeWorkerRequest(namespace=NAMESPACE, worker_instance_key="nobody"),
            RPCStatusCode.NOT_FOUND,
            "Worker nobody not found",
        ),
    ],
    ids=["query", "token", "limit", "nobody"],
)
async def test_wrong_questions(session, queue, request_, code, text):
    await record(session, heartbeat(unique("worker"), queue))
    method = {
        ListWorkersRequest: rpc(session).list_workers,
        CountWorkersRequest: rpc(session).count_workers,
        DescribeWorkerRequest: rpc(session).describe_worker,
    }[type(request_)]
    with pytest.raises(RPCError) as refused:
        await method(request_)
    assert (refused.value.status, refused.value.message) == (code, text)


async def test_the_namespace_says_that_heartbeats_are_kept(session):
    answer = await rpc(session).describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
    assert answer.namespace_info.capabilities.worker_heartbeats


async def test_the_cli_lists_and_describes(session, queue, cli):
    name = unique("worker")
    await record(session, heartbeat(name, queue, sdk_name="sdk-of-" + name))
    listed = cli.json("worker", "list", "--query", f"WorkerInstanceKey = '{name}'")
    assert [w["workerHeartbeat"]["workerInstanceKey"] for w in listed] == [name], listed
    described = cli.json("worker", "describe", "--worker-instance-key", name)["workerHeartbeat"]
    assert described["workerInstanceKey"] == name and described["sdkName"] == "sdk-of-" + name, described
