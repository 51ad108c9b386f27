"""test_namespace_deletion.py - a deleted namespace gives up its name at once and its data in the background."""

import asyncio
from datetime import timedelta

import pytest
from google.protobuf import duration_pb2
from temporalio.api.batch.v1 import BatchOperationSignal
from temporalio.api.enums.v1 import BatchOperationState, NamespaceState
from temporalio.api.operatorservice.v1 import DeleteNamespaceRequest
from temporalio.api.workflowservice.v1 import (
    DescribeBatchOperationRequest,
    DescribeNamespaceRequest,
    ListNamespacesRequest,
    RegisterNamespaceRequest,
    StartBatchOperationRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

import child_workflows as c
import harness
from harness import eventually, unique

S = timedelta(seconds=1)
DAY = duration_pb2.Duration(seconds=86400)


async def register(service, name):
    await service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=DAY)
    )
    return (await service.describe_namespace(DescribeNamespaceRequest(namespace=name))).namespace_info.id


async def is_gone(service, namespace_id):
    try:
        await service.describe_namespace(DescribeNamespaceRequest(id=namespace_id))
        return False
    except RPCError as error:
        if error.status == RPCStatusCode.UNAVAILABLE:
            return False
        assert error.status == RPCStatusCode.NOT_FOUND
        return True


async def refused(call, status):
    with pytest.raises(RPCError) as caught:
        await call
    assert caught.value.status == status
    return caught.value.message


async def start_many(client, queue, count):
    limit = asyncio.Semaphore(64)

    async def one(i):
        async with limit:
            return await client.start_workflow(
                "Any", "x" * 100, id=f"{queue}-{i}", task_queue=queue, start_delay=3600 * S if i % 5 == 0 else None
            )

    return await asyncio.gather(*(one(i) for i in range(count)))


async def test_the_name_is_free_at_once_and_the_data_goes(session, queue):
    service, operator = session.client.workflow_service, session.client.operator_service
    name = unique("doomed")
    old_id = await register(service, name)
    old = await Client.connect(session.server.address, namespace=name)
    handles = await start_many(old, queue, 150)
    for handle in handles[:40]:
        await handle.terminate()
    answer = await operator.delete_namespace(DeleteNamespaceRequest(namespace=name))
    assert answer.deleted_namespace == f"{name}-deleted-{old_id[:5]}"
    message = await refused(
        old.start_workflow("Any", id=unique("wf"), task_queue=queue), RPCStatusCode.NOT_FOUND
    )
    assert message == f"Namespace {name} is not found."
    new_id = await register(service, name)
    assert new_id != old_id
    kept = await old.start_workflow("Any", id=f"{queue}-0", task_queue=queue)
    await eventually(lambda: is_gone(service, old_id), 30, "the namespace to go")
    assert [one.run_id async for one in old.list_workflows()] == [kept.first_execution_run_id]
    assert (await old.count_workflows()).count == 1
    await kept.terminate()
    await operator.delete_namespace(DeleteNamespaceRequest(namespace_id=new_id))
    await eventually(lambda: is_gone(service, new_id), 30, "the second one to go")


async def test_batch_jobs_of_a_deleted_namespace_stop_and_go(session, queue):
    """One runs, twenty have ended; gnomon-check finds a job that is left."""
    service, operator = session.client.workflow_service, session.client.operator_service
    name = unique("doomed")
    old_id = await register(service, name)
    old = await Client.connect(session.server.address, namespace=name)
    await start_many(old, queue, 100)

    async def signal_all(job, query):
        await service.start_batch_operation(
            StartBatchOperationRequest(
                namespace=name,
                job_id=job,
                reason="test",
                visibility_query=query,
                signal_operation=BatchOperationSignal(signal="x", identity="test"),
            )
        )

    async def runs(job):
        asked = DescribeBatchOperationRequest(namespace=name, job_id=job)
        answer = await service.describe_batch_operation(asked)
        return answer.state == BatchOperationState.BATCH_OPERATION_STATE_RUNNING

    async def has_ended(job):
        return not await runs(job)

    for i in range(20):
        await signal_all(f"ends-{i}", "WorkflowId = 'nobody'")
        await eventually(lambda job=f"ends-{i}": has_ended(job), 10, "a job to end")
    await signal_all("runs", "WorkflowType = 'Any'")  # 100 at 50 a second
    assert await runs("runs")
    await operator.delete_namespace(DeleteNamespaceRequest(namespace=name))
    await eventually(lambda: is_gone(service, old_id), 30, "the namespace to go")
    await register(service, name)
    await refused(runs("runs"), RPCStatusCode.NOT_FOUND)


async def test_what_cannot_be_deleted(session):
    operator = session.client.operator_service
    bad = RPCStatusCode.INVALID_ARGUMENT
    message = await refused(operator.delete_namespace(DeleteNamespaceRequest()), bad)
    assert message == "Namespace not set on request."
    both = DeleteNamespaceRequest(namespace="a", namespace_id="b")
    message = await refused(operator.delete_namespace(both), bad)
    assert message == "Only one of namespace name or Id should be set on request."
    message = await refused(
        operator.delete_namespace(DeleteNamespaceRequest(namespace="nobody")), RPCStatusCode.NOT_FOUND
    )
    assert message == "Namespace nobody is not found."


async def test_one_that_is_delayed_is_shown_as_deleted_and_one_that_is_protected_stays(session, own_server):
    service, operator = session.client.workflow_service, session.client.operator_service
    name, guarded = unique("late"), unique("guarded")
    namespace_id = await register(service, name)
    await register(service, guarded)
    delay = duration_pb2.Duration(seconds=3600)
    answer = await operator.delete_namespace(
        DeleteNamespaceRequest(namespace=name, namespace_delete_delay=delay)
    )
    shown = await service.describe_namespace(DescribeNamespaceRequest(id=namespace_id))
    assert shown.namespace_info.name == answer.deleted_namespace
    assert shown.namespace_info.state == NamespaceState.NAMESPACE_STATE_DELETED
    client = await Client.connect(session.server.address, namespace=answer.deleted_namespace)
    message = await refused(
        client.start_workflow("Any", id=unique("wf"), task_queue="q"), RPCStatusCode.FAILED_PRECONDITION
    )
    assert message == "Namespace has invalid state: Deleted. Must be Registered."
    listed = await service.list_namespaces(ListNamespacesRequest(page_size=1000))
    assert answer.deleted_namespace not in [one.namespace_info.name for one in listed.namespaces]
    # Deleted once more, without delay: it goes.
    again = await operator.delete_namespace(
        DeleteNamespaceRequest(namespace_id=namespace_id, namespace_delete_delay=duration_pb2.Duration())
    )
    assert again.deleted_namespace == answer.deleted_namespace
    await eventually(lambda: is_gone(service, namespace_id), 30, "the namespace to go")
    own_server.set_dynamic({"worker.protectedNamespaces": [{"value": [guarded]}]})
    try:
        message = await refused(
            operator.delete_namespace(DeleteNamespaceRequest(namespace=guarded)),
            RPCStatusCode.FAILED_PRECONDITION,
        )
        assert message == f"namespace {guarded} is protected from deletion"
    finally:
        own_server.set_dynamic({})


@pytest.mark.seconds(120)
async def test_thousands_of_runs_go_whatever_dies_meanwhile():
    cluster = harness.Cluster()
    try:
        session = harness.Session(cluster)
        client = await session.connect()
        name, queue = unique("many"), unique("queue")
        namespace_id = await register(client.workflow_service, name)
        doomed = await Client.connect(cluster.address, namespace=name)
        await start_many(doomed, queue, 3000)
        await client.operator_service.delete_namespace(DeleteNamespaceRequest(namespace=name))
        dead = {service: cluster.kill(service) for service in ("history", "frontend")}
        for service, old in dead.items():
            cluster.wait_restarted(service, old)
        cluster.wait_restarted("history", cluster.kill("history"))
        await eventually(lambda: is_gone(client.workflow_service, namespace_id), 90, "the namespace to go")
        assert cluster.interrupt() == 0
        cluster.check_data()
    finally:
        cluster.stop()


async def test_runs_that_have_to_do_with_each_other_go_together():
    """Parents and their open children, signals on their way, starts that come too late."""
    cluster = harness.Cluster()
    try:
        session = harness.Session(cluster)
        client = await session.connect()
        name, queue = unique("related"), unique("queue")
        namespace_id = await register(client.workflow_service, name)
        doomed = await Client.connect(cluster.address, namespace=name)
        async with Worker(
            doomed, task_queue=queue, workflows=[c.Parent, c.Child], workflow_runner=UnsandboxedWorkflowRunner()
        ):
            parents = await asyncio.gather(
                *(
                    doomed.start_workflow(c.Parent.run, args=[i % 3 + 1], id=f"{queue}-{i}", task_queue=queue)
                    for i in range(30)
                )
            )

            async def all_run():
                return (await doomed.count_workflows("ExecutionStatus = 'Running'")).count == 60

            await eventually(all_run, 30, "30 parents with a child each")
        signals = [parent.signal("s") for parent in parents]
        deletion = client.operator_service.delete_namespace(DeleteNamespaceRequest(namespace=name))
        late = [doomed.start_workflow("Any", id=unique("late"), task_queue=queue) for _ in range(100)]
        outcomes = await asyncio.gather(*signals, deletion, *late, return_exceptions=True)
        assert not isinstance(outcomes[len(signals)], Exception)
        refusals = {RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION}
        assert {one.status for one in outcomes if isinstance(one, RPCError)} <= refusals
        await eventually(lambda: is_gone(client.workflow_service, namespace_id), 30, "the namespace to go")
        assert cluster.interrupt() == 0
        cluster.check_data()
    finally:
        cluster.stop()


async def test_the_cli_deletes(session, cli):
    name = unique("cli")
    namespace_id = await register(session.client.workflow_service, name)
    assert name in cli.run("operator", "namespace", "delete", "-n", name, "--yes")
    await eventually(lambda: is_gone(session.client.workflow_service, namespace_id), 30, "the namespace to go")
