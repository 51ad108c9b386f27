"""test_retention_changes.py - the retention of a run is that of its namespace when it closes, whoever closes it; what
is changed later does nothing for it."""

import asyncio
from datetime import timedelta

import pytest
from google.protobuf import duration_pb2
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client

import harness
from harness import eventually, unique
from test_retention import AT_ONCE, is_gone

S = timedelta(seconds=1)
LONG = duration_pb2.Duration(seconds=7200)
SHORT = duration_pb2.Duration(seconds=1)


@pytest.mark.seconds(60)
async def test_it_is_that_of_the_close_by_a_client_and_by_a_deadline():
    cluster = harness.Cluster(dynamic=AT_ONCE)
    try:
        service = (await harness.Session(cluster).connect()).workflow_service
        name, queue = unique("changing"), unique("nobody")

        async def keep_for(retention):
            config = NamespaceConfig(workflow_execution_retention_ttl=retention)
            await service.update_namespace(UpdateNamespaceRequest(namespace=name, config=config))

        await service.register_namespace(
            RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=LONG)
        )
        client = await Client.connect(cluster.address, namespace=name)

        async def start(**more):
            return await client.start_workflow("Any", id=unique("wf"), task_queue=queue, **more)

        early, late = await start(), await start()
        await early.terminate()
        timed_out = await start(run_timeout=2 * S)
        await keep_for(SHORT)
        await late.terminate()
        await asyncio.gather(*(eventually(lambda h=h: is_gone(h), 20, "a run to go") for h in (late, timed_out)))
        assert not await is_gone(early)  # closed when it was long
        last = await start()
        await last.terminate()
        await keep_for(LONG)
        kept = await start(run_timeout=1 * S)
        await eventually(lambda: is_gone(last), 20, "one that closed when it was short")

        async def has_closed():
            return (await client.count_workflows("ExecutionStatus = 'TimedOut'")).count == 1

        await eventually(has_closed, 10, "the time-out")
        assert not await is_gone(early) and not await is_gone(kept)
        assert cluster.interrupt() == 0
        cluster.check_data()
    finally:
        cluster.stop()
