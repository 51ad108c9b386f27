"""test_cron.py - cron schedules: runs that follow each other, what they hand on, what is refused."""

from datetime import datetime, timedelta, timezone

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

import chains as c
from harness import eventually
from history_checker import types_of
from test_retry import chain_of

S = timedelta(seconds=1)


@pytest.mark.seconds(60)
async def test_runs_follow_each_other_and_hand_on_the_last_result(session, queue):
    async with session.worker(queue, [c.CountsRuns]):
        handle = await session.client.start_workflow(
            c.CountsRuns.run, id=queue, task_queue=queue, cron_schedule="@every 1s"
        )
        first = handle.first_execution_run_id

        async def three_runs():
            runs = await chain_of(session, queue, first)
            return len(runs) > 3 and runs

        runs = await eventually(three_runs, 30, "three runs to end")
        await session.client.get_workflow_handle(queue).terminate()
    ends = [types_of(events)[-1] for events in runs[:3]]
    assert ends == [
        "WorkflowExecutionCompleted",
        "WorkflowExecutionFailed",
        "WorkflowExecutionCompleted",
    ]
    started = [events[0].workflow_execution_started_event_attributes for events in runs[:4]]
    for attributes in started:
        assert attributes.initiator == 3  # cron schedule
        assert attributes.cron_schedule == "@every 1s"
        assert attributes.attempt == 1
        assert attributes.first_workflow_task_backoff.seconds >= 1
        assert attributes.first_execution_run_id == first
    results = [
        attributes.last_completion_result.payloads[0].data
        if attributes.last_completion_result.payloads
        else b""
        for attributes in started
    ]
    assert results == [b"", b"1", b"1", b"2"]  # a failure keeps the result before it
    assert started[2].continued_failure.message == "the second run fails"
    assert not started[3].continued_failure.message


async def test_the_first_run_waits_for_its_time(session, queue):
    handle = await session.client.start_workflow(
        c.CountsRuns.run, id=queue, task_queue=queue, cron_schedule="0 12 * * *"
    )
    described = await handle.describe()
    now = datetime.now(timezone.utc)
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
    if noon <= described.start_time:
        noon += timedelta(days=1)
    assert described.status == WorkflowExecutionStatus.RUNNING
    assert abs((described.execution_time - noon).total_seconds()) < 1.5
    await handle.signal("heard", 1)
    assert types_of(await session.events(queue)) == [
        "WorkflowExecutionStarted",
        "WorkflowExecutionSignaled",
    ]
    await handle.cancel()
    await handle.terminate()


async def test_a_schedule_in_a_time_zone(session, queue):
    handle = await session.client.start_workflow(
        c.CountsRuns.run, id=queue, task_queue=queue, cron_schedule="CRON_TZ=Asia/Kolkata 0 12 * * *"
    )
    described = await handle.describe()
    at = described.execution_time.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert (at.hour, at.minute) in ((12, 0), (11, 59))
    await handle.terminate()


async def test_bad_schedules_are_refused(session, queue):
    for schedule, text in (
        ("nonsense", "invalid CronSchedule."),
        ("* * * *", "invalid CronSchedule."),
        ("CRON_TZ=Nowhere/x * * * * *", "invalid CronSchedule."),
        ("0 0 31 2 *", "invalid CronSchedule, no time can be found to satisfy the schedule"),
    ):
        with pytest.raises(RPCError) as told:
            await session.client.start_workflow(
                c.CountsRuns.run, id=queue, task_queue=queue, cron_schedule=schedule
            )
        assert told.value.status == RPCStatusCode.INVALID_ARGUMENT
        assert told.value.message == text
    with pytest.raises(RPCError) as told:
        await session.client.start_workflow(
            c.CountsRuns.run,
            id=queue,
            task_queue=queue,
            cron_schedule="* * * * *",
            start_delay=S,
        )
    assert told.value.message == "CronSchedule and WorkflowStartDelay may not be used together."
