"""test_updates.py - updates of workflows with the Python SDK: accepted, rejected, repeated, waited for,
in the face of workers that come late and processes that die; updates that start their workflow."""

import asyncio
import signal

import pytest
from temporalio.client import (
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

import update_workflows as u
import workflows as w
from harness import eventually, unique
from history_checker import types_of

ACCEPTED = WorkflowUpdateStage.ACCEPTED
TASK = ["WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskCompleted"]
UPDATE = ["WorkflowExecutionUpdateAccepted", "WorkflowExecutionUpdateCompleted"]
STARTED = "WorkflowExecutionStarted"

WORKFLOWS = [u.Counter, u.EndsAtOnce, u.NoHandlers]
ACTIVITIES = [w.square, u.wait_for_word]


def counting_worker(session, queue, **options):
    return session.worker(queue, WORKFLOWS, ACTIVITIES, **options)


async def start(session, queue, workflow_id=None, begin=0):
    return await session.client.start_workflow(
        u.Counter.run, begin, id=workflow_id or queue, task_queue=queue
    )


async def started(session, queue):
    """A counter whose first workflow task is done: the next update finds it idle."""
    handle = await start(session, queue)

    async def idle():
        return types_of(await session.events(handle.id))[-1] == "WorkflowTaskCompleted"

    await eventually(idle, 20, "the first workflow task")
    return handle


# -- one update -----------------------------------------------------------------------------------


async def test_an_update_of_an_idle_workflow(session, queue):
    async with counting_worker(session, queue):
        handle = await started(session, queue)
        assert await handle.execute_update(u.Counter.add, 5) == 5
        assert await handle.execute_update(u.Counter.add, 2) == 7
        assert await handle.query(u.Counter.value) == 7
    events = await session.events(handle.id)
    assert types_of(events) == [STARTED, *TASK, *TASK, *UPDATE, *TASK, *UPDATE]
    accepted = events[7].workflow_execution_update_accepted_event_attributes
    assert accepted.accepted_request_sequencing_event_id == 5
    assert accepted.accepted_request.input.name == "add"
    assert accepted.protocol_instance_id == accepted.accepted_request.meta.update_id
    completed = events[8].workflow_execution_update_completed_event_attributes
    assert completed.accepted_event_id == 8
    assert completed.meta.update_id == accepted.protocol_instance_id


async def test_a_rejected_update_leaves_no_trace(session, queue):
    async with counting_worker(session, queue):
        handle = await started(session, queue)
        for _ in range(3):
            with pytest.raises(WorkflowUpdateFailedError) as info:
                await handle.execute_update(u.Counter.add, -1)
            cause = info.value.cause
            assert isinstance(cause, ApplicationError)
            assert (cause.message, cause.type) == ("no negative numbers", "Negative")
        assert types_of(await session.events(handle.id)) == [STARTED, *TASK]
        assert await handle.execute_update(u.Counter.add, 1) == 1
    assert types_of(await session.events(handle.id)) == [STARTED, *TASK, *TASK, *UPDATE]


async def test_an_update_that_fails_after_it_was_accepted(session, queue):
    async with counting_worker(session, queue):
        handle = await started(session, queue)
        with pytest.raises(WorkflowUpdateFailedError) as info:
            await handle.execute_update(u.Counter.add_unchecked, -3)
        assert info.value.cause.type == "Late"
    events = await session.events(handle.id)
    assert types_of(events)[-2:] == UPDATE
    outcome = events[-1].workflow_execution_update_completed_event_attributes.outcome
    assert outcome.failure.message == "went wrong"


async def test_an_update_with_an_activity_inside(session, queue):
    async with counting_worker(session, queue):
        handle = await started(session, queue)
        assert await handle.execute_update(u.Counter.add_square, 6) == 36
    types = types_of(await session.events(handle.id))
    assert types.index("WorkflowExecutionUpdateAccepted") < types.index("ActivityTaskScheduled")
    assert types[-1] == "WorkflowExecutionUpdateCompleted" or "TimerFired" in types


async def test_wait_for_accepted_then_for_the_result(session, queue):
    async with counting_worker(session, queue):
        handle = await started(session, queue)
        update = await handle.start_update(
            u.Counter.wait_for_gate, 9, wait_for_stage=ACCEPTED, id="gated"
        )
        assert types_of(await session.events(handle.id))[-1] == "WorkflowExecutionUpdateAccepted"
        result = asyncio.ensure_future(update.result())
        other = handle.get_update_handle_for(u.Counter.wait_for_gate, "gated")
        results = asyncio.ensure_future(asyncio.gather(*[other.result() for _ in range(5)]))
        await handle.signal(u.Counter.open_gate)
        assert await result == 9
        assert await results == [9] * 5
        assert await other.result() == 9  # from the history


async def test_updates_of_an_unknown_name_are_rejected(session, queue):
    async with counting_worker(session, queue):
        handle = await session.client.start_workflow(u.NoHandlers.run, id=queue, task_queue=queue)
        with pytest.raises(WorkflowUpdateFailedError) as info:
            await handle.execute_update("nothing of that name", 1)
        assert "nothing of that name" in str(info.value.cause)
        await handle.signal(u.NoHandlers.end)
        await handle.result()


# -- many -----------------------------------------------------------------------------------------


async def test_concurrent_updates_of_one_workflow(session, queue):
    async with counting_worker(session, queue):
        handle = await started(session, queue)
        gate = asyncio.Semaphore(8)  # history.maxInFlightUpdates is ten

        async def one(n):
            async with gate:
                return await handle.execute_update(u.Counter.add, n)

        sums = await asyncio.gather(*[one(n) for n in range(1, 41)])
        assert max(sums) == sum(range(1, 41)) and len(set(sums)) == 40
        assert await handle.query(u.Counter.value) == max(sums)
    types = types_of(await session.events(handle.id))
    assert types.count("WorkflowExecutionUpdateCompleted") == 40


async def test_updates_of_many_workflows(session, queue):
    async with counting_worker(session, queue):
        handles = [await start(session, queue, f"{queue}-{n}", n) for n in range(20)]

        async def three(n, handle):
            for step in range(3):
                await handle.execute_update(u.Counter.add, step)
            return await handle.execute_update(u.Counter.add_square, n)

        sums = await asyncio.gather(*[three(n, handle) for n, handle in enumerate(handles)])
    assert sums == [n + 3 + n * n for n in range(20)]


async def test_updates_among_signals(session, queue):
    async with counting_worker(session, queue):
        handle = await started(session, queue)
        gated = asyncio.ensure_future(handle.execute_update(u.Counter.wait_for_gate, 1))
        steps = [handle.execute_update(u.Counter.add, 10), handle.signal(u.Counter.open_gate)]
        await asyncio.gather(*steps)
        assert await gated in (1, 11)
        assert await handle.query(u.Counter.value) == 11


# -- repeated, late, too late ---------------------------------------------------------------------


async def test_an_update_id_is_carried_out_once(session, queue):
    async with counting_worker(session, queue):
        handle = await started(session, queue)
        sums = [await handle.execute_update(u.Counter.add, 5, id="once") for _ in range(3)]
        again = await asyncio.gather(
            *[handle.execute_update(u.Counter.add_square, 2, id="together") for _ in range(4)]
        )
        assert (sums, again) == ([5, 5, 5], [9, 9, 9, 9])
        await handle.signal(u.Counter.end)
        assert await handle.result() == 9
        assert await handle.execute_update(u.Counter.add, 5, id="once") == 5  # closed since
    types = types_of(await session.events(handle.id))
    assert types.count("WorkflowExecutionUpdateCompleted") == 2


async def test_a_closed_workflow_takes_no_update(session, queue):
    async with counting_worker(session, queue):
        handle = await start(session, queue)
        assert await handle.execute_update(u.Counter.end_now) == "ended"
        assert await handle.result() == 0
        with pytest.raises(RPCError) as info:
            await handle.execute_update(u.Counter.add, 1)
        assert info.value.status == RPCStatusCode.NOT_FOUND
        assert info.value.message == "workflow execution already completed"
        with pytest.raises(RPCError) as info:
            await handle.get_update_handle("never asked").result()
        assert info.value.status == RPCStatusCode.NOT_FOUND
        assert info.value.message == 'update "never asked" not found'


async def test_the_workflow_ends_before_its_update(session, queue):
    async with counting_worker(session, queue):
        handle = await started(session, queue)
        update = await handle.start_update(
            u.Counter.wait_for_gate, 1, wait_for_stage=ACCEPTED, id="cut short"
        )
        waiting = asyncio.ensure_future(update.result())
        await handle.signal(u.Counter.end)
        await handle.result()
        for ended in (waiting, handle.get_update_handle("cut short").result()):
            with pytest.raises(WorkflowUpdateFailedError) as info:
                await ended
            assert info.value.cause.type == "AcceptedUpdateCompletedWorkflow"


async def test_terminate_ends_the_wait_for_an_update(session, queue):
    handle = await start(session, queue)  # no worker: it is admitted and no more
    update = asyncio.ensure_future(handle.execute_update(u.Counter.add, 1))
    await asyncio.sleep(0.3)  # not a wait for anything: mostly it stands there by then
    await handle.terminate("enough")
    with pytest.raises(RPCError) as info:
        await update
    assert info.value.status == RPCStatusCode.NOT_FOUND


async def test_an_update_waits_for_a_worker(session, queue):
    handle = await start(session, queue)
    update = asyncio.ensure_future(handle.execute_update(u.Counter.add, 3, id="early"))
    await asyncio.sleep(0.5)  # not a wait for anything: a while without a worker
    assert not update.done()
    async with counting_worker(session, queue):
        assert await update == 3


async def test_an_update_of_an_idle_workflow_waits_for_a_worker(session, queue):
    async with counting_worker(session, queue):
        handle = await started(session, queue)
    update = asyncio.ensure_future(handle.execute_update(u.Counter.add, 3))
    await asyncio.sleep(0.5)  # not a wait for anything: a while without a worker
    assert not update.done()
    async with counting_worker(session, queue):
        assert await update == 3


async def test_a_worker_is_replaced_between_updates(session, queue):
    async with counting_worker(session, queue):
        handle = await started(session, queue)
        assert await handle.execute_update(u.Counter.add, 1) == 1
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update(u.Counter.add, -1)
    async with counting_worker(session, queue):  # knows nothing of the run: the whole history
        assert await handle.execute_update(u.Counter.add, 2) == 3
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update(u.Counter.add, -1)
    async with counting_worker(session, queue, max_cached_workflows=0):
        assert await handle.execute_update(u.Counter.add_square, 3) == 12
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update(u.Counter.add, -1)
        assert await handle.execute_update(u.Counter.add, 1) == 13


async def test_updates_while_the_workflow_goes_on_as_new(session, queue):
    async with counting_worker(session, queue):
        handle = await started(session, queue)
        current = session.client.get_workflow_handle(handle.id)
        total = 0
        for round_ in range(4):
            wave = [current.execute_update(u.Counter.add, 1) for _ in range(5)]
            if round_ % 2:
                wave.append(current.signal(u.Counter.go_on_anew))
            for done in await asyncio.gather(*wave, return_exceptions=True):
                assert not isinstance(done, Exception), done
            total += 5
        assert await current.execute_update(u.Counter.add, 0) == total


# -- what dies ------------------------------------------------------------------------------------


@pytest.mark.seconds(180)
@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("service", ["history", "matching", "frontend"])
async def test_a_process_ends_amid_an_update(session, own_server, queue, service, sig):
    """The client sees a delay and no error."""
    word = unique("word")
    async with counting_worker(session, queue):
        handle = await started(session, queue)
        update = asyncio.ensure_future(
            handle.execute_update(u.Counter.wait_in_activity, word, id="through")
        )

        async def accepted():
            return "WorkflowExecutionUpdateAccepted" in types_of(await session.events(handle.id))

        await eventually(accepted, 20, "the update")
        old = own_server.kill(service, sig)
        own_server.wait_restarted(service, old)
        u.Gates.open.add(word)
        assert await asyncio.wait_for(update, 60) == word
        assert await handle.execute_update(u.Counter.add, 4) == 4


@pytest.mark.seconds(180)
@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM])
async def test_history_ends_before_an_update_is_accepted(session, own_server, queue, sig):
    handle = await start(session, queue)
    update = asyncio.ensure_future(handle.execute_update(u.Counter.add, 4, id="kept"))
    await asyncio.sleep(0.3)  # not a wait for anything: mostly it is admitted by then
    old = own_server.kill("history", sig)
    own_server.wait_restarted("history", old)
    assert not update.done()
    async with counting_worker(session, queue):
        assert await asyncio.wait_for(update, 60) == 4
    assert types_of(await session.events(handle.id)).count("WorkflowExecutionUpdateAccepted") == 1


@pytest.mark.seconds(180)
async def test_history_dies_again_and_again_under_updates(session, own_server, queue):
    async with counting_worker(session, queue):
        handle = await started(session, queue)

        async def many(lane):
            for n in range(30):
                await handle.execute_update(u.Counter.add, 1, id=f"{lane}-{n}")

        lanes = [asyncio.ensure_future(many(lane)) for lane in range(4)]
        for _ in range(2):
            await asyncio.sleep(0.4)  # not a wait for anything: another moment of the load
            old = own_server.kill("history")
            own_server.wait_restarted("history", old)
        await asyncio.wait_for(asyncio.gather(*lanes), 120)
        assert await handle.query(u.Counter.value) == 120


# -- updates that start their workflow ------------------------------------------------------------


def starting(queue, workflow_id, conflict, begin=0, reuse=WorkflowIDReusePolicy.ALLOW_DUPLICATE):
    return WithStartWorkflowOperation(
        u.Counter.run,
        begin,
        id=workflow_id,
        task_queue=queue,
        id_conflict_policy=conflict,
        id_reuse_policy=reuse,
    )


FAIL = WorkflowIDConflictPolicy.FAIL
USE_EXISTING = WorkflowIDConflictPolicy.USE_EXISTING


@pytest.mark.parametrize("conflict", [FAIL, USE_EXISTING, WorkflowIDConflictPolicy.TERMINATE_EXISTING])
async def test_an_update_starts_its_workflow(session, queue, conflict):
    async with counting_worker(session, queue):
        op = starting(queue, queue, conflict, 100)
        assert (
            await session.client.execute_update_with_start_workflow(
                u.Counter.add, 5, start_workflow_operation=op
            )
            == 105
        )
        handle = await op.workflow_handle()
    session.started.append((queue, handle.first_execution_run_id or ""))
    assert types_of(await session.events(queue)) == [STARTED, *TASK, *UPDATE]


async def test_an_update_with_start_finds_the_workflow_running(session, queue):
    client = session.client
    async with counting_worker(session, queue):
        first = await started(session, queue)
        op = starting(queue, queue, FAIL)
        with pytest.raises(WorkflowAlreadyStartedError):
            await client.execute_update_with_start_workflow(
                u.Counter.add, 1, start_workflow_operation=op
            )
        with pytest.raises(WorkflowAlreadyStartedError):
            await op.workflow_handle()

        op = starting(queue, queue, USE_EXISTING, 100)
        assert (
            await client.execute_update_with_start_workflow(
                u.Counter.add, 2, id="second", start_workflow_operation=op
            )
            == 2
        )
        # The update is known: the policy does not matter.
        op = starting(queue, queue, FAIL, 100)
        assert (
            await client.execute_update_with_start_workflow(
                u.Counter.add, 2, id="second", start_workflow_operation=op
            )
            == 2
        )
        op = starting(queue, queue, WorkflowIDConflictPolicy.TERMINATE_EXISTING, 1000)
        assert (
            await client.execute_update_with_start_workflow(
                u.Counter.add, 3, start_workflow_operation=op
            )
            == 1003
        )
        old = await session.events(queue, first.first_execution_run_id)
        assert types_of(old)[-1] == "WorkflowExecutionTerminated"


async def test_an_update_with_start_after_the_workflow_closed(session, queue):
    client = session.client
    async with counting_worker(session, queue):
        handle = await start(session, queue)
        assert await handle.execute_update(u.Counter.add, 7, id="kept") == 7
        await handle.signal(u.Counter.end)
        await handle.result()
        never = WorkflowIDReusePolicy.REJECT_DUPLICATE
        op = starting(queue, queue, FAIL, 50, never)
        assert (
            await client.execute_update_with_start_workflow(
                u.Counter.add, 7, id="kept", start_workflow_operation=op
            )
            == 7
        )  # of the closed run
        op = starting(queue, queue, FAIL, 50, never)
        with pytest.raises(WorkflowAlreadyStartedError):
            await client.execute_update_with_start_workflow(
                u.Counter.add, 7, start_workflow_operation=op
            )
        op = starting(queue, queue, FAIL, 50)
        assert (
            await client.execute_update_with_start_workflow(
                u.Counter.add, 7, start_workflow_operation=op
            )
            == 57
        )


async def test_a_rejected_update_starts_its_workflow_all_the_same(session, queue):
    async with counting_worker(session, queue):
        op = starting(queue, queue, FAIL, 1)
        with pytest.raises(WorkflowUpdateFailedError) as info:
            await session.client.execute_update_with_start_workflow(
                u.Counter.add, -1, start_workflow_operation=op
            )
        assert info.value.cause.type == "Negative"
        handle = await op.workflow_handle()
        assert await handle.query(u.Counter.value) == 1
    assert types_of(await session.events(queue)) == [STARTED, *TASK]


async def test_concurrent_updates_with_start_share_one_run(session, queue):
    client = session.client
    async with counting_worker(session, queue):

        async def one(n):
            op = starting(queue, queue, USE_EXISTING)
            return await client.execute_update_with_start_workflow(
                u.Counter.add, n, start_workflow_operation=op
            )

        sums = await asyncio.gather(*[one(1) for _ in range(9)])
        assert sorted(sums) == list(range(1, 10))


@pytest.mark.seconds(180)
async def test_history_dies_amid_updates_with_start(session, own_server, queue):
    client = session.client
    word = unique("word")
    async with counting_worker(session, queue):

        async def one(n):
            op = starting(queue, f"{queue}-{n}", FAIL)
            return await client.execute_update_with_start_workflow(
                u.Counter.wait_in_activity, word, id="only", start_workflow_operation=op
            )

        waiting = [asyncio.ensure_future(one(n)) for n in range(8)]

        async def one_started():
            try:
                return await session.events(f"{queue}-0")
            except RPCError:
                return False

        await eventually(one_started, 20, "a run")
        old = own_server.kill("history")
        own_server.wait_restarted("history", old)
        u.Gates.open.add(word)
        assert await asyncio.wait_for(asyncio.gather(*waiting), 90) == [word] * 8
    for n in range(8):
        types = types_of(await session.events(f"{queue}-{n}"))
        assert types.count("WorkflowExecutionUpdateAccepted") == 1
