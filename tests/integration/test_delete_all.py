"""test_delete_all.py - DeleteWorkflowExecution leaves no row behind, whatever the run had: verify says so, and the
files themselves."""

import asyncio
import sqlite3
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest, ResetWorkflowExecutionRequest
from temporalio.service import RPCError

import harness
from test_admin import admin, connect

COUNT = 100
QUEUE = "everything"


@workflow.defn
class Leaf:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)


@workflow.defn
class Everything:
    """A child, an activity that nobody takes, a timer, signals and updates; half of them end."""

    def __init__(self) -> None:
        self.signals, self.updates = 0, 0

    @workflow.run
    async def run(self, ends: bool) -> int:
        await workflow.start_child_workflow(
            Leaf.run, id=workflow.info().workflow_id + "-leaf", parent_close_policy=workflow.ParentClosePolicy.ABANDON
        )
        workflow.start_activity("nobody_takes_it", start_to_close_timeout=timedelta(hours=1), task_queue="nobody")
        timer = asyncio.create_task(workflow.sleep(timedelta(hours=1)))
        await workflow.wait_condition(lambda: self.signals >= 5 and self.updates >= 1 and ends)
        timer.cancel()
        return self.signals

    @workflow.signal
    async def add(self) -> None:
        self.signals += 1

    @workflow.update
    async def touch(self, n: int) -> int:
        self.updates += 1
        return n


@pytest.fixture
def own():
    cluster = harness.Cluster(replicas={"history": 2})
    try:
        yield cluster
    finally:
        cluster.stop()


def stored(cluster):
    """Keys of rows that tell of executions, from the files alone."""
    left = []
    for path in (cluster.folder / "data").glob("history-*.tables.db"):
        with sqlite3.connect(path) as db:
            left += db.execute("select key from rows_main where substr(key, 2, 1) not in (x'4b', x'4c')").fetchall()
            left += db.execute("select key from rows_visibility where length(key) <> 18").fetchall()
    return left


async def test_nothing_is_left_of_a_hundred_with_everything(own):
    session = await connect(own)
    client, service = session.client, session.client.workflow_service
    gate = asyncio.Semaphore(25)

    async def fill(n):
        async with gate:
            handle = await client.start_workflow(Everything.run, n % 2 == 0, id=f"all-{n}", task_queue=QUEUE)
            await asyncio.gather(*(handle.signal(Everything.add) for _ in range(5)))
            assert await handle.execute_update(Everything.touch, n) == n
            if n % 2 == 0:
                assert await handle.result() == 5
            if n % 4 < 2:  # a run that shares the history of the one before
                await service.reset_workflow_execution(
                    ResetWorkflowExecutionRequest(
                        namespace=harness.NAMESPACE,
                        workflow_execution=WorkflowExecution(workflow_id=f"all-{n}"),
                        workflow_task_finish_event_id=4,
                        request_id=f"reset-{n}",
                    )
                )

    async def delete(info):
        async with gate:
            try:
                await service.delete_workflow_execution(
                    DeleteWorkflowExecutionRequest(namespace=harness.NAMESPACE, workflow_execution=info.execution)
                )
            except RPCError as error:
                assert error.status.name == "NOT_FOUND", error

    async with session.worker(QUEUE, [Everything, Leaf]):
        await asyncio.gather(*(fill(n) for n in range(COUNT)))
    assert "0 problems" in admin(own, "verify")
    found = [info async for info in harness.all_executions(client)]
    assert len(found) >= COUNT * 2.5
    async with asyncio.timeout(60):
        while found:
            await asyncio.gather(*map(delete, found))
            found = [info async for info in harness.all_executions(client)]
    sound = "checked 0 runs (0 open), 0 events, 0 deletions under way: 0 problems"
    harness.wait_until(lambda: sound in admin(own, "verify"), 30, "all is deleted")
    assert (await client.count_workflows()).count == 0

    def gone():
        admin(own, "sql", "select 1")  # the owners flush
        return stored(own) == []

    harness.wait_until(gone, 30, "no row in the files")
    assert own.interrupt() == 0
    assert stored(own) == []
