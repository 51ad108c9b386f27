"""test_retention.py - closed workflows are deleted after their retention, or when a client says so."""

from datetime import timedelta

import pytest
from google.protobuf import duration_pb2
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    RegisterNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

import harness
import workflows as w
from harness import NAMESPACE, eventually, unique
from history_checker import types_of

S = timedelta(seconds=1)
AT_ONCE = {"system.namespaceMinRetentionLocal": "1s", "history.retentionTimerJitterDuration": "0s"}


async def is_gone(handle):
    try:
        await handle.describe()
        return False
    except RPCError as error:
        assert error.status == RPCStatusCode.NOT_FOUND
        return True


@pytest.mark.seconds(90)
async def test_closed_runs_go_after_their_retention_and_stay_gone():
    cluster = harness.Cluster(dynamic=AT_ONCE)
    try:
        session = harness.Session(cluster)
        client = await session.connect()
        name = unique("short")
        await client.workflow_service.register_namespace(
            RegisterNamespaceRequest(
                namespace=name,
                workflow_execution_retention_period=duration_pb2.Duration(seconds=2),
            )
        )
        short = await Client.connect(cluster.address, namespace=name)
        queue = unique("queue")
        async with Worker(
            short,
            task_queue=queue,
            workflows=[w.Hello],
            activities=[w.greet],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            handles = [
                await short.start_workflow(w.Hello.run, "x", id=f"{queue}-{i}", task_queue=queue)
                for i in range(5)
            ]
            for handle in handles:
                assert await handle.result() == "Hello, x!"
            open_one = await short.start_workflow(
                w.Hello.run, "x", id=f"{queue}-open", task_queue=unique("nobody")
            )
            for handle in handles:
                await eventually(lambda h=handle: is_gone(h), 20, "the run to be deleted")

            async def only_the_open_one():
                listed = [one.id async for one in short.list_workflows()]
                return listed == [f"{queue}-open"]

            await eventually(only_the_open_one, 20, "the list to be short")
            assert (await short.count_workflows()).count == 1
            assert (await short.count_workflows("ExecutionStatus != 'Running'")).count == 0
            assert not await is_gone(open_one)
            again = await short.start_workflow(
                w.Hello.run, "y", id=f"{queue}-0", task_queue=queue
            )
            assert await again.result() == "Hello, y!"
            await open_one.terminate()
        assert cluster.interrupt() == 0
        cluster.check_data()
    finally:
        cluster.stop()


@pytest.mark.seconds(90)
async def test_runs_stay_for_a_random_time_beyond_their_retention():
    cluster = harness.Cluster(dynamic={**AT_ONCE, "history.retentionTimerJitterDuration": "1000h"})
    try:
        client = await harness.Session(cluster).connect()
        name = unique("jitter")
        await client.workflow_service.register_namespace(
            RegisterNamespaceRequest(
                namespace=name, workflow_execution_retention_period=duration_pb2.Duration(seconds=1)
            )
        )
        short = await Client.connect(cluster.address, namespace=name)

        async def closed(workflow_id):
            handle = await short.start_workflow("Any", id=workflow_id, task_queue="nobody")
            await handle.terminate()
            return handle

        late = [await closed(f"late-{i}") for i in range(5)]
        cluster.set_dynamic(AT_ONCE)
        soon = await closed("soon")  # all others closed before it
        await eventually(lambda: is_gone(soon), 20, "the run to be deleted")
        assert not any([await is_gone(handle) for handle in late])
        assert cluster.interrupt() == 0
        cluster.check_data()
    finally:
        cluster.stop()


async def test_a_run_is_deleted_on_demand(session, queue):
    service = session.client.workflow_service

    async def delete(workflow_id, run_id=""):
        await service.delete_workflow_execution(
            DeleteWorkflowExecutionRequest(
                namespace=NAMESPACE,
                workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
            )
        )

    plain = await Client.connect(session.server.address, namespace=NAMESPACE)
    async with session.worker(queue, [w.Hello], [w.greet]):
        closed = await plain.start_workflow(w.Hello.run, "x", id=queue, task_queue=queue)
        await closed.result()
    await delete(queue, closed.first_execution_run_id)
    assert await eventually(lambda: is_gone(closed), 10, "the closed run to go")
    running = await plain.start_workflow(
        w.Hello.run, "x", id=queue, task_queue=unique("nobody")
    )
    assert types_of(await session.events(queue))[0] == "WorkflowExecutionStarted"
    await delete(queue)
    assert await eventually(lambda: is_gone(running), 10, "the running one to go")
    with pytest.raises(RPCError) as told:
        await delete(queue)
    assert told.value.status == RPCStatusCode.NOT_FOUND
    with pytest.raises(RPCError) as told:
        await delete("")
    assert told.value.status == RPCStatusCode.INVALID_ARGUMENT
