"""test_load.py - 200 workflows at once that do a bit of everything, while each process is killed in turn."""

import asyncio
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.service import RPCError

import workflows as w

COUNT, KILLS = 200, ("history", "matching", "timers", "frontend")


@workflow.defn
class Everything:
    """An activity, a timer, a signal that it waits for, a second activity; a query at any time."""

    def __init__(self):
        self.steps = []

    @workflow.query
    def done(self) -> int:
        return len(self.steps)

    @workflow.signal
    async def go_on(self, value: int) -> None:
        self.steps.append(value)

    @workflow.run
    async def run(self, seed: int) -> int:
        options = {"start_to_close_timeout": timedelta(seconds=10)}
        first = await workflow.execute_activity(w.square, seed, **options)
        await asyncio.sleep(1 + seed % 3)
        await workflow.wait_condition(lambda: len(self.steps) >= 2)
        return first + await workflow.execute_activity(w.square, sum(self.steps), **options)


async def patiently(call):
    """A client's own retries while a process is away."""
    for _ in range(60):
        try:
            return await call()
        except RPCError as error:
            if error.status.name not in ("UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"):
                raise
            await asyncio.sleep(0.25)
    raise AssertionError("not answered")


@pytest.mark.seconds(290)
async def test_everything_at_once_while_each_process_dies(session, own_server, queue):
    async with session.worker(
        queue, [Everything], [w.square], max_concurrent_workflow_tasks=50, max_concurrent_activities=50
    ):
        gate = asyncio.Semaphore(50)

        async def one(n):
            name = f"{queue}-{n}"
            async with gate:
                handle = await session.client.start_workflow(Everything.run, n, id=name, task_queue=queue)
                await patiently(lambda: handle.signal(Everything.go_on, n))
            await asyncio.sleep(n % 5)  # spread over the deaths
            async with gate:
                assert await patiently(lambda: handle.query(Everything.done)) == 1
                await patiently(lambda: handle.signal(Everything.go_on, 2 * n))
            return await handle.result()

        async def deaths():
            for service in KILLS:
                await asyncio.sleep(0.7)  # not a wait for anything: another moment of the load
                old = own_server.kill(service)
                await asyncio.to_thread(own_server.wait_restarted, service, old)

        results, _ = await asyncio.wait_for(
            asyncio.gather(asyncio.gather(*[one(n) for n in range(COUNT)]), deaths()), 240
        )
    assert results == [n * n + 9 * n * n for n in range(COUNT)]
