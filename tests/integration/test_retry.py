"""test_retry.py - workflows with a retry policy: a run that fails or times out is followed by another."""

from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, TimeoutError
from temporalio.service import RPCError, RPCStatusCode

import chains as c
from harness import eventually
from history_checker import types_of

S = timedelta(seconds=1)


async def chain_of(session, workflow_id, run_id):
    """The events of each run, from the first on."""
    runs = []
    while run_id:
        events = await session.events(workflow_id, run_id)
        runs.append(events)
        last = events[-1]
        attributes = getattr(last, last.WhichOneof("attributes"))
        run_id = getattr(attributes, "new_execution_run_id", "")
    return runs


def seconds_of(span):
    return span.seconds + span.nanos / 1e9


@pytest.mark.seconds(60)
async def test_a_workflow_succeeds_in_its_third_run(session, queue):
    async with session.worker(queue, [c.FailsUntil]):
        handle = await session.client.start_workflow(
            c.FailsUntil.run,
            args=[3, "TooEarly"],
            id=queue,
            task_queue=queue,
            retry_policy=RetryPolicy(
                initial_interval=0.1 * S, backoff_coefficient=2, maximum_interval=S
            ),
            memo={"m": 1},
        )
        assert await handle.result() == 3
    first = handle.first_execution_run_id
    runs = await chain_of(session, queue, first)
    assert [types_of(events)[-1] for events in runs] == [
        "WorkflowExecutionFailed",
        "WorkflowExecutionFailed",
        "WorkflowExecutionCompleted",
    ]
    for i, events in enumerate(runs):
        started = events[0].workflow_execution_started_event_attributes
        assert started.attempt == i + 1
        assert started.first_execution_run_id == first
        assert started.memo.fields["m"].data == b"1"
        if i:
            assert started.initiator == 2  # retry
            assert started.continued_failure.message == f"attempt {i}"
            assert started.continued_execution_run_id == (
                runs[i - 1][0].workflow_execution_started_event_attributes.original_execution_run_id
            )
            # runs of one id begin at least a second apart
            assert 0.1 < seconds_of(started.first_workflow_task_backoff) <= 1
        else:
            failed = events[-1].workflow_execution_failed_event_attributes
            assert failed.retry_state == 1  # in progress
    described = await session.client.get_workflow_handle(queue).describe()
    assert described.status == WorkflowExecutionStatus.COMPLETED


async def test_attempts_and_types_end_a_chain(session, queue):
    async with session.worker(queue, [c.FailsUntil]):
        with pytest.raises(WorkflowFailureError) as told:
            await session.client.execute_workflow(
                c.FailsUntil.run,
                args=[9, "TooEarly"],
                id=queue,
                task_queue=queue,
                retry_policy=RetryPolicy(initial_interval=0.1 * S, maximum_attempts=2),
            )
        assert isinstance(told.value.cause, ApplicationError)
        assert told.value.cause.message == "attempt 2"
        with pytest.raises(WorkflowFailureError) as told:
            await session.client.execute_workflow(
                c.FailsUntil.run,
                args=[9, "Fatal"],
                id=queue + "-fatal",
                task_queue=queue,
                retry_policy=RetryPolicy(non_retryable_error_types=["Fatal"]),
            )
        assert told.value.cause.message == "attempt 1"
    events = await session.events(queue + "-fatal")
    assert events[-1].workflow_execution_failed_event_attributes.retry_state == 2


@pytest.mark.seconds(60)
async def test_a_run_that_times_out_is_tried_again_until_the_execution_does(session, queue):
    async with session.worker(queue, [c.Sleeps]):
        handle = await session.client.start_workflow(
            c.Sleeps.run,
            id=queue,
            task_queue=queue,
            run_timeout=1 * S,
            execution_timeout=4 * S,
            retry_policy=RetryPolicy(initial_interval=0.5 * S),
        )
        with pytest.raises(WorkflowFailureError) as told:
            await handle.result()
        assert isinstance(told.value.cause, TimeoutError)
    runs = await chain_of(session, queue, handle.first_execution_run_id)
    assert len(runs) >= 2
    states = [
        events[-1].workflow_execution_timed_out_event_attributes.retry_state for events in runs
    ]
    assert set(states[:-1]) == {1} and states[-1] == 3  # in progress, at last timed out
    started = runs[1][0].workflow_execution_started_event_attributes
    assert started.continued_failure.message == "workflow timeout"
    assert started.workflow_execution_expiration_time == (
        runs[0][0].workflow_execution_started_event_attributes.workflow_execution_expiration_time
    )


@pytest.mark.seconds(60)
async def test_a_parent_hears_of_a_childs_last_run_only(session, queue):
    async with session.worker(queue, [c.ParentOfFailing, c.FailsUntil]):
        assert (
            await session.client.execute_workflow(
                c.ParentOfFailing.run, args=[2, 3], id=queue, task_queue=queue
            )
            == "result 2"
        )
        told = await session.client.execute_workflow(
            c.ParentOfFailing.run, args=[9, 2], id=queue + "-b", task_queue=queue
        )
        assert told == "MAXIMUM_ATTEMPTS_REACHED TooEarly: attempt 2"
    types = types_of(await session.events(queue))
    assert types.count("ChildWorkflowExecutionStarted") == 1
    assert types.count("ChildWorkflowExecutionCompleted") == 1
    assert "ChildWorkflowExecutionFailed" not in types


async def test_a_waiting_attempt_is_terminated(session, queue):
    async with session.worker(queue, [c.FailsUntil]):
        handle = await session.client.start_workflow(
            c.FailsUntil.run,
            args=[9, "TooEarly"],
            id=queue,
            task_queue=queue,
            retry_policy=RetryPolicy(initial_interval=timedelta(hours=1)),
        )

        async def second_run():
            described = await session.client.get_workflow_handle(queue).describe()
            return described.run_id != handle.first_execution_run_id and described

        described = await eventually(second_run, 20, "the second run")
        assert described.execution_time - described.start_time == timedelta(hours=1)
        await session.client.get_workflow_handle(queue).terminate()
    assert types_of(await session.events(queue)) == [
        "WorkflowExecutionStarted",
        "WorkflowExecutionTerminated",
    ]


async def test_bad_policies_are_refused(session, queue):
    for policy, text in (
        (RetryPolicy(maximum_attempts=-1), "MaximumAttempts cannot be negative on retry policy."),
        (
            RetryPolicy(initial_interval=2 * S, maximum_interval=S),
            "MaximumInterval cannot be less than InitialInterval on retry policy.",
        ),
        (
            RetryPolicy(backoff_coefficient=0.5),
            "BackoffCoefficient cannot be less than 1 on retry policy.",
        ),
    ):
        policy._validate = lambda: None  # the server is to refuse it
        with pytest.raises(RPCError) as told:
            await session.client.start_workflow(
                c.FailsUntil.run,
                args=[1, ""],
                id=queue,
                task_queue=queue,
                retry_policy=policy,
            )
        assert told.value.status == RPCStatusCode.INVALID_ARGUMENT
        assert told.value.message == text
