"""test_versions.py - code that changes under running workflows, scopes of cancellation, local activities."""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, is_cancelled_exception

import workflows as w
from harness import eventually
from history_checker import types_of

S = timedelta(seconds=1)


@workflow.defn(name="Changing")
class Before:
    @workflow.run
    async def run(self) -> str:
        await workflow.sleep(0.8)
        return "old"


@workflow.defn(name="Changing")
class After:
    @workflow.run
    async def run(self) -> str:
        new = workflow.patched("newer")
        await workflow.sleep(0.8)
        return "new" if new else "old"


@workflow.defn(name="Changing")
class Later:
    @workflow.run
    async def run(self) -> str:
        workflow.deprecate_patch("newer")
        await workflow.sleep(0.8)
        return "new"


async def first_timer(session, workflow_id):
    async def started():
        return "TimerStarted" in types_of(await session.events(workflow_id))

    await eventually(started, 20, "its timer runs")


async def test_patches_keep_running_workflows_on_their_code(session, queue):
    """Started by old code, replayed by newer: each run goes on as it began."""
    client = session.client
    async with session.worker(queue, [Before], max_cached_workflows=0, max_concurrent_workflow_tasks=5):
        old = await client.start_workflow("Changing", id=f"{queue}-1", task_queue=queue)
        await first_timer(session, old.id)
    async with session.worker(queue, [After], max_cached_workflows=0, max_concurrent_workflow_tasks=5):
        assert await old.result() == "old"
        patched = await client.start_workflow("Changing", id=f"{queue}-2", task_queue=queue)
        await first_timer(session, patched.id)
    async with session.worker(queue, [Later], max_cached_workflows=0, max_concurrent_workflow_tasks=5):
        assert await patched.result() == "new"
        assert await client.execute_workflow("Changing", id=f"{queue}-3", task_queue=queue) == "new"
    assert "MarkerRecorded" not in types_of(await session.events(old.id))
    for workflow_id in (patched.id, f"{queue}-3"):
        types = types_of(await session.events(workflow_id))
        assert types.count("MarkerRecorded") == 1
        assert types.count("UpsertWorkflowSearchAttributes") == 1


@workflow.defn
class Scopes:
    """What is shielded ends; what is cancelled alone leaves the rest alone; cleaning up goes on."""

    @workflow.run
    async def run(self) -> list[str]:
        steps = []
        alone = asyncio.create_task(workflow.sleep(3600))
        await workflow.sleep(0.01)
        alone.cancel()
        try:
            await alone
        except asyncio.CancelledError:
            steps.append("timer")
        shielded = asyncio.create_task(
            workflow.execute_activity(slow, 0.5, start_to_close_timeout=10 * S)
        )
        try:
            await asyncio.shield(shielded)
        except asyncio.CancelledError as error:
            assert is_cancelled_exception(error)
            steps.append("workflow")
        steps.append(await shielded)
        steps.append(await workflow.execute_activity(w.greet, "end", start_to_close_timeout=10 * S))
        return steps


@activity.defn
async def slow(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "activity"


async def test_scopes_of_cancellation(session, queue):
    async with session.worker(queue, [Scopes], [slow, w.greet]):
        handle = await session.client.start_workflow(Scopes.run, id=queue, task_queue=queue)

        async def under_way():
            return "ActivityTaskScheduled" in types_of(await session.events(queue))

        await eventually(under_way, 20, "the activity is scheduled")
        await handle.cancel()
        assert await handle.result() == ["timer", "workflow", "activity", "Hello, end!"]
    types = types_of(await session.events(queue))
    assert types.count("TimerCanceled") == 1 and types.count("ActivityTaskCancelRequested") == 0


@activity.defn
async def local_until(attempt: int) -> int:
    if activity.info().attempt < attempt:
        raise ApplicationError("again")
    return activity.info().attempt


@workflow.defn
class LocalRetries:
    """A back-off longer than the threshold becomes a timer of the server."""

    @workflow.run
    async def run(self) -> int:
        return await workflow.execute_local_activity(
            local_until,
            3,
            start_to_close_timeout=5 * S,
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=300), backoff_coefficient=1),
            local_retry_threshold=timedelta(milliseconds=100),
        )


async def test_a_local_activity_that_backs_off(session, queue):
    async with session.worker(queue, [LocalRetries], [local_until]):
        assert await session.client.execute_workflow(LocalRetries.run, id=queue, task_queue=queue) == 3
    types = types_of(await session.events(queue))
    assert types.count("TimerFired") == 2 and types.count("MarkerRecorded") == 3
    assert "ActivityTaskScheduled" not in types
