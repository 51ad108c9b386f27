"""test_continue.py - runs that continue as new, and starts that wait."""

import time
from datetime import timedelta

import pytest
from temporalio.client import WorkflowContinuedAsNewError, WorkflowExecutionStatus

import workflows as w
from history_checker import types_of

S = timedelta(seconds=1)
TASK = ["WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskCompleted"]


@pytest.mark.seconds(60)
async def test_a_chain_of_five_runs_hands_its_state_on(session, queue):
    async with session.worker(queue, [w.CountsDown]):
        handle = await session.client.start_workflow(
            w.CountsDown.run, args=[5, []], id=queue, task_queue=queue
        )
        runs = await handle.result()
    first = handle.first_execution_run_id
    assert len(set(runs)) == 5 and runs[0] == first
    for i, run_id in enumerate(runs):
        described = await session.client.get_workflow_handle(queue, run_id=run_id).describe()
        last = i == len(runs) - 1
        assert described.status == (
            WorkflowExecutionStatus.COMPLETED if last else WorkflowExecutionStatus.CONTINUED_AS_NEW
        )
        assert described.raw_description.workflow_execution_info.first_run_id == first
        history = await session.client.get_workflow_handle(queue, run_id=run_id).fetch_history()
        events = history.events
        assert types_of(events) == [
            "WorkflowExecutionStarted",
            *TASK,
            "WorkflowExecutionCompleted" if last else "WorkflowExecutionContinuedAsNew",
        ]
        started = events[0].workflow_execution_started_event_attributes
        assert started.continued_execution_run_id == (runs[i - 1] if i else "")
        assert started.first_execution_run_id == first
        assert started.original_execution_run_id == run_id
        if not last:
            ended = events[-1].workflow_execution_continued_as_new_event_attributes
            assert ended.new_execution_run_id == runs[i + 1]
    current = await session.client.get_workflow_handle(queue).describe()
    assert current.run_id == runs[-1]


async def test_who_does_not_follow_a_chain_is_told_the_next_run(session, queue):
    async with session.worker(queue, [w.CountsDown]):
        handle = await session.client.start_workflow(
            w.CountsDown.run, args=[2, []], id=queue, task_queue=queue
        )
        with pytest.raises(WorkflowContinuedAsNewError) as told:
            await handle.result(follow_runs=False)
        runs = await handle.result()
        assert told.value.new_execution_run_id == runs[1]


async def test_a_signal_goes_to_the_run_that_is_current(session, queue):
    handle = await session.client.start_workflow(
        w.CountsDown.run, args=[2, []], id=queue, task_queue=queue
    )
    async with session.worker(queue, [w.CountsDown]):
        with pytest.raises(WorkflowContinuedAsNewError):
            await handle.result(follow_runs=False)
    current = session.client.get_workflow_handle(queue)
    await current.signal("unheard")
    assert "WorkflowExecutionSignaled" in types_of((await current.fetch_history()).events)
    async with session.worker(queue, [w.CountsDown]):
        assert len(await handle.result()) == 2


async def test_a_delayed_start_waits(session, queue):
    async with session.worker(queue, [w.CountsDown]):
        before = time.monotonic()
        handle = await session.client.start_workflow(
            w.CountsDown.run, args=[1, []], id=queue, task_queue=queue, start_delay=2 * S
        )
        await handle.result()
        assert 2 <= time.monotonic() - before < 10
    events = (await handle.fetch_history()).events
    started = events[0].workflow_execution_started_event_attributes
    assert started.first_workflow_task_backoff.seconds == 2
    assert types_of(events) == ["WorkflowExecutionStarted", *TASK, "WorkflowExecutionCompleted"]
