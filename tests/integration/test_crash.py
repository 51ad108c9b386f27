"""test_crash.py - kill -9 of each process under load: nothing acknowledged is lost."""

import asyncio

import pytest

import workflows as w
from harness import NAMESPACE, eventually, wait_until
from history_checker import types_of

COUNT, STEPS = 200, 3


def expected(seed):
    return sum((seed + n) ** 2 for n in range(STEPS))


async def start_many(session, queue, count):
    """Starts all, some at a time; gives their handles."""
    gate = asyncio.Semaphore(50)

    async def one(n):
        async with gate:
            return await session.client.start_workflow(
                w.Steps.run, args=[n, STEPS], id=f"{queue}-{n}", task_queue=queue
            )

    return await asyncio.gather(*[one(n) for n in range(count)])


async def some_steps_done(session, handles):
    """A third of a sample is past its first activity."""

    async def check():
        past = 0
        for handle in handles[:: max(1, len(handles) // 12)]:
            past += "ActivityTaskCompleted" in types_of(await session.events(handle.id))
        return past >= 4

    await eventually(check, 60, "workflows under way")


@pytest.mark.seconds(280)
async def test_history_dies_amid_200_running_workflows(session, own_server, queue):
    async with session.worker(queue, [w.Steps], [w.square], max_concurrent_workflow_tasks=50):
        handles = await start_many(session, queue, COUNT)
        await some_steps_done(session, handles)
        old = own_server.kill("history")
        own_server.wait_restarted("history", old)
        results = await asyncio.wait_for(asyncio.gather(*[h.result() for h in handles]), 200)
    assert results == [expected(n) for n in range(COUNT)]


@pytest.mark.seconds(240)
@pytest.mark.parametrize("service", ["history", "matching", "timers", "frontend"])
async def test_a_service_dies_under_load(session, own_server, queue, service):
    async with session.worker(queue, [w.Steps], [w.square], max_concurrent_workflow_tasks=50):
        handles = await start_many(session, queue, 40)
        await some_steps_done(session, handles)
        for _ in range(2):
            old = own_server.kill(service)
            own_server.wait_restarted(service, old)
            await asyncio.sleep(0.3)  # not a wait for anything: another moment of the load
        results = await asyncio.wait_for(asyncio.gather(*[h.result() for h in handles]), 150)
    assert results == [expected(n) for n in range(40)]


@pytest.mark.seconds(120)
async def test_a_timer_outlives_history_and_timers(session, own_server, queue):
    async with session.worker(queue, [w.Sleeps]):
        handle = await session.client.start_workflow(w.Sleeps.run, 3, id=queue, task_queue=queue)

        async def timer_started():
            return "TimerStarted" in types_of(await session.events(queue))

        await eventually(timer_started, 20, "the timer")
        old = {name: own_server.kill(name) for name in ("history", "timers")}
        for name, pid in old.items():
            own_server.wait_restarted(name, pid)
        assert 3 <= await asyncio.wait_for(handle.result(), 60) < 15


async def test_acknowledged_signals_survive(session, own_server, queue):
    handle = await session.client.start_workflow(w.Collects.run, id=queue, task_queue=queue)
    for n in range(20):
        await handle.signal(w.Collects.add, str(n))
        if n == 10:
            old = own_server.kill("history")
            own_server.wait_restarted("history", old)
    await handle.signal(w.Collects.finish)
    async with session.worker(queue, [w.Collects]):
        got = await handle.result()
    # A signal whose answer was lost may have been sent again under the same request id: once only.
    assert got == [str(n) for n in range(20)]


async def test_an_outage_of_history_is_told_quickly(session, own_server, queue):
    """While history is gone, calls fail or wait a bounded time; then everything works again."""
    import time

    import grpc

    from harness import raw_channel
    from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
    from temporalio.api.common.v1 import WorkflowExecution

    body = DescribeWorkflowExecutionRequest(
        namespace=NAMESPACE, execution=WorkflowExecution(workflow_id="nobody")
    ).SerializeToString()
    old = own_server.kill("history")
    with raw_channel(own_server.address) as call:
        before = time.monotonic()
        with pytest.raises(grpc.RpcError) as info:
            call("/temporal.api.workflowservice.v1.WorkflowService/DescribeWorkflowExecution", body)
        assert info.value.code().name in ("UNAVAILABLE", "NOT_FOUND")  # it may be back already
        assert time.monotonic() - before < 8
    own_server.wait_restarted("history", old)

    def back():
        with raw_channel(own_server.address) as call:
            try:
                call("/temporal.api.workflowservice.v1.WorkflowService/DescribeWorkflowExecution", body)
            except grpc.RpcError as error:
                return error.code() == grpc.StatusCode.NOT_FOUND
        return False

    wait_until(back, 20, "answers again")
