"""test_activities.py - retries, the four time-outs, heartbeats, cancellation, completion from afar."""

import asyncio

import pytest
from temporalio import activity
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    PollActivityTaskQueueRequest,
    RecordActivityTaskHeartbeatByIdRequest,
    RecordActivityTaskHeartbeatRequest,
    RespondActivityTaskCanceledByIdRequest,
    RespondActivityTaskCompletedByIdRequest,
    RespondActivityTaskCompletedRequest,
    RespondActivityTaskFailedByIdRequest,
    RespondActivityTaskFailedRequest,
)
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.service import RPCError, RPCStatusCode

import workflows as w
from harness import NAMESPACE, eventually, unique
from history_checker import types_of

ACTIVITIES = [
    w.greet,
    w.fail_until,
    w.fail_for_good,
    w.hang,
    w.hang_once,
    w.beat_then_hang_once,
    w.beat_until_cancelled,
    w.nothing,
]
STALE = "invalid activityID or activity already timed out or invoking workflow is completed"


async def run(session, queue, name, args=(), **options):
    async with session.worker(queue, [w.Activity], ACTIVITIES):
        return await session.client.execute_workflow(
            w.Activity.run, args=[name, list(args), options], id=queue, task_queue=queue
        )


async def event_of(session, queue, type_):
    return next(e for e in await session.events(queue) if types_of([e]) == [type_])


async def test_result_none(session, queue):
    assert await run(session, queue, "nothing", start_to_close=10) == ["ok", None]


async def test_retry_until_it_succeeds(session, queue):
    result = await run(session, queue, "fail_until", [3], start_to_close=10)
    assert result == ["ok", 3]
    types = types_of(await session.events(queue))
    assert types.count("ActivityTaskScheduled") == types.count("ActivityTaskStarted") == 1
    started = await event_of(session, queue, "ActivityTaskStarted")
    attributes = started.activity_task_started_event_attributes
    assert attributes.attempt == 3
    assert attributes.last_failure.message == "attempt 2 fails"


async def test_retry_backs_off(session, queue):
    result = await run(
        session, queue, "fail_until", [4], start_to_close=10, retry={"initial_ms": 200, "coefficient": 2}
    )
    assert result == ["ok", 4]
    events = await session.events(queue)
    scheduled = await event_of(session, queue, "ActivityTaskScheduled")
    done = events[-1].event_time.ToMilliseconds() - scheduled.event_time.ToMilliseconds()
    assert 200 + 400 + 800 <= done < 8000


async def test_retries_come_to_an_end(session, queue):
    result = await run(session, queue, "fail_until", [9], start_to_close=10, retry={"attempts": 3})
    assert result == [
        "failed",
        "TooEarly",
        "attempt 3 fails",
        [{"attempt": 3}],
        "MAXIMUM_ATTEMPTS_REACHED",
    ]


async def test_non_retryable_failure(session, queue):
    result = await run(session, queue, "fail_for_good", start_to_close=10)
    assert result == ["failed", "Fatal", "never again", ["a detail"], "NON_RETRYABLE_FAILURE"]


async def test_non_retryable_error_type(session, queue):
    result = await run(
        session,
        queue,
        "fail_until",
        [3],
        start_to_close=10,
        retry={"non_retryable": ["TooEarly"]},
    )
    assert result[:3] == ["failed", "TooEarly", "attempt 1 fails"]
    assert result[4] == "NON_RETRYABLE_FAILURE"


async def test_unknown_activity_type_is_retried_until_its_end(session, queue):
    result = await run(
        session, queue, "no_such_activity", start_to_close=10, retry={"attempts": 2}
    )
    assert result[0:2] == ["failed", "NotFoundError"]


# -- time-outs ----------------------------------------------------------------------------------


async def test_schedule_to_start_timeout(session, queue):
    result = await run(
        session, queue, "hang", elsewhere=unique("empty"), start_to_close=10, schedule_to_start=0.5
    )
    assert result[:2] == ["timeout", "SCHEDULE_TO_START"]
    event = await event_of(session, queue, "ActivityTaskTimedOut")
    assert event.activity_task_timed_out_event_attributes.started_event_id == 0


async def test_start_to_close_timeout(session, queue):
    result = await run(session, queue, "hang", start_to_close=0.5, retry={"attempts": 1})
    assert result == ["timeout", "START_TO_CLOSE", "MAXIMUM_ATTEMPTS_REACHED"]


async def test_start_to_close_timeout_is_retried(session, queue):
    result = await run(session, queue, "hang_once", start_to_close=0.7)
    assert result == ["ok", 2]
    started = await event_of(session, queue, "ActivityTaskStarted")
    failure = started.activity_task_started_event_attributes.last_failure
    assert failure.timeout_failure_info.timeout_type == 1


async def test_schedule_to_close_timeout(session, queue):
    result = await run(session, queue, "hang", schedule_to_close=0.8)
    assert result[:2] == ["timeout", "SCHEDULE_TO_CLOSE"] or result[:2] == [
        "timeout",
        "START_TO_CLOSE",
    ]
    assert result[2] in ("TIMEOUT", "NON_RETRYABLE_FAILURE")


async def test_schedule_to_close_timeout_ends_the_retries(session, queue):
    result = await run(
        session,
        queue,
        "fail_until",
        [1000],
        start_to_close=10,
        schedule_to_close=1,
        retry={"initial_ms": 300},
    )
    assert result[0] in ("failed", "timeout")
    assert result[-1] == "TIMEOUT"


async def test_schedule_to_close_timeout_without_any_worker(session, queue):
    result = await run(session, queue, "hang", elsewhere=unique("empty"), schedule_to_close=0.6)
    assert result[0] == "timeout"


async def test_heartbeat_timeout(session, queue):
    result = await run(
        session, queue, "hang", start_to_close=30, heartbeat=0.5, retry={"attempts": 1}
    )
    assert result == ["timeout", "HEARTBEAT", "MAXIMUM_ATTEMPTS_REACHED"]


async def test_heartbeat_details_reach_the_next_attempt(session, queue):
    result = await run(session, queue, "beat_then_hang_once", start_to_close=30, heartbeat=0.8)
    assert result == ["ok", [2, "step", 7]]


# -- cancellation -------------------------------------------------------------------------------


async def cancel_one(session, queue, kind, swallow):
    async with session.worker(queue, [w.CancelsActivity], ACTIVITIES):
        handle = await session.client.start_workflow(
            w.CancelsActivity.run, args=[kind, swallow], id=queue, task_queue=queue
        )

        async def beating():
            pending = (await handle.describe()).raw_description.pending_activities
            return pending and pending[0].HasField("last_heartbeat_time")

        await eventually(beating, 20, "a heartbeat")
        await handle.signal(w.CancelsActivity.go)
        result = await handle.result()
    return result, types_of(await session.events(queue))


async def test_cancel_and_wait_for_the_activity(session, queue):
    result, types = await cancel_one(session, queue, "WAIT_CANCELLATION_COMPLETED", False)
    assert result == "CancelledError"
    assert types.count("ActivityTaskCancelRequested") == 1
    assert types.count("ActivityTaskCanceled") == 1


async def test_cancelled_activity_may_complete(session, queue):
    result, types = await cancel_one(session, queue, "WAIT_CANCELLATION_COMPLETED", True)
    assert result == "finished anyway"
    assert types.count("ActivityTaskCancelRequested") == 1
    assert types.count("ActivityTaskCompleted") == 1


async def test_try_cancel(session, queue):
    result, types = await cancel_one(session, queue, "TRY_CANCEL", False)
    assert result == "CancelledError"
    assert types.count("ActivityTaskCancelRequested") == 1


async def test_abandon(session, queue):
    result, types = await cancel_one(session, queue, "ABANDON", False)
    assert result == "CancelledError"
    assert "ActivityTaskCancelRequested" not in types


async def test_cancel_before_the_start(session, queue):
    async with session.worker(queue, [w.CancelsUnstarted]):
        result = await session.client.execute_workflow(
            w.CancelsUnstarted.run, unique("empty"), id=queue, task_queue=queue
        )
    assert result == "CancelledError"
    types = types_of(await session.events(queue))
    at = types.index("ActivityTaskCancelRequested")
    assert types[at + 1] == "ActivityTaskCanceled"


# -- by hand, with task tokens ------------------------------------------------------------------


async def start_by_hand(session, queue, **options):
    """A workflow whose activity the test takes itself."""
    other = queue + "-activities"
    handle = await session.client.start_workflow(
        w.Activity.run,
        args=["by_hand", [1], {"elsewhere": other, **options}],
        id=queue,
        task_queue=queue,
    )
    task = await session.client.workflow_service.poll_activity_task_queue(
        PollActivityTaskQueueRequest(
            namespace=NAMESPACE, task_queue=TaskQueue(name=other), identity="hand"
        )
    )
    assert task.task_token and task.activity_type.name == "by_hand"
    assert task.workflow_execution.workflow_id == queue
    return handle, task


async def test_answer_is_taken_once(session, queue):
    service = session.client.workflow_service
    async with session.worker(queue, [w.Activity]):
        handle, task = await start_by_hand(session, queue, start_to_close=30)
        await service.respond_activity_task_completed(
            RespondActivityTaskCompletedRequest(namespace=NAMESPACE, task_token=task.task_token)
        )
        assert await handle.result() == ["ok", None]
        before = await session.events(queue)
        # An answer to the same start may be the echo of a lost reply: it is taken as that, or
        # refused, but it changes nothing.
        for respond, request in (
            (service.respond_activity_task_completed, RespondActivityTaskCompletedRequest),
            (service.respond_activity_task_failed, RespondActivityTaskFailedRequest),
        ):
            try:
                await respond(request(namespace=NAMESPACE, task_token=task.task_token))
            except RPCError as error:
                assert error.status == RPCStatusCode.NOT_FOUND
        with pytest.raises(RPCError) as info:
            await service.record_activity_task_heartbeat(
                RecordActivityTaskHeartbeatRequest(
                    namespace=NAMESPACE, task_token=task.task_token
                )
            )
        assert info.value.status == RPCStatusCode.NOT_FOUND
        assert await session.events(queue) == before


async def test_answer_after_the_timeout_is_refused(session, queue):
    service = session.client.workflow_service
    async with session.worker(queue, [w.Activity]):
        handle, task = await start_by_hand(
            session, queue, start_to_close=0.5, retry={"attempts": 2, "initial_ms": 20000}
        )

        async def second_attempt():
            pending = (await handle.describe()).raw_description.pending_activities
            return pending and pending[0].attempt == 2 and pending[0]

        pending = await eventually(second_attempt, 20, "the time-out")
        assert pending.last_failure.timeout_failure_info.timeout_type == 1
        assert pending.maximum_attempts == 2
        assert pending.last_worker_identity == "hand"
        with pytest.raises(RPCError) as info:
            await service.respond_activity_task_completed(
                RespondActivityTaskCompletedRequest(
                    namespace=NAMESPACE, task_token=task.task_token
                )
            )
        assert info.value.status == RPCStatusCode.NOT_FOUND
        assert info.value.message == STALE
        await handle.terminate()


async def test_failure_by_hand_is_retried(session, queue):
    service = session.client.workflow_service
    async with session.worker(queue, [w.Activity]):
        handle, task = await start_by_hand(session, queue, start_to_close=30)
        assert task.attempt == 1
        await service.respond_activity_task_failed(
            RespondActivityTaskFailedRequest(
                namespace=NAMESPACE,
                task_token=task.task_token,
                failure=Failure(
                    message="by hand", application_failure_info=ApplicationFailureInfo(type="T")
                ),
            )
        )
        again = await service.poll_activity_task_queue(
            PollActivityTaskQueueRequest(
                namespace=NAMESPACE, task_queue=TaskQueue(name=queue + "-activities")
            )
        )
        assert again.attempt == 2
        beat = await service.record_activity_task_heartbeat(
            RecordActivityTaskHeartbeatRequest(namespace=NAMESPACE, task_token=again.task_token)
        )
        assert not beat.cancel_requested
        await handle.cancel()  # the workflow does not listen: its activity goes on
        await service.respond_activity_task_completed(
            RespondActivityTaskCompletedRequest(namespace=NAMESPACE, task_token=again.task_token)
        )


async def test_completion_from_afar(session, queue):
    tokens = asyncio.Queue()

    @activity.defn(name="afar")
    async def afar() -> str:
        tokens.put_nowait(activity.info().task_token)
        activity.raise_complete_async()

    async with session.worker(queue, [w.Activity], [afar]):
        handle = await session.client.start_workflow(
            w.Activity.run, args=["afar", [], {"start_to_close": 30}], id=queue, task_queue=queue
        )
        afar_handle = session.client.get_async_activity_handle(task_token=await tokens.get())
        await afar_handle.heartbeat("on its way")
        await afar_handle.complete("done elsewhere")
        assert await handle.result() == ["ok", "done elsewhere"]


# -- by activity id -----------------------------------------------------------------------------


def by_id(request, handle, task, **fields):
    return request(
        namespace=NAMESPACE, workflow_id=handle.id, activity_id=task.activity_id, **fields
    )


@pytest.mark.parametrize("with_run", [True, False])
async def test_completion_by_id(session, queue, with_run):
    async with session.worker(queue, [w.Activity]):
        handle, task = await start_by_hand(session, queue, start_to_close=30)
        run_id = task.workflow_execution.run_id if with_run else None
        named = session.client.get_async_activity_handle(
            workflow_id=queue, run_id=run_id, activity_id=task.activity_id
        )
        await named.heartbeat("half")
        pending = (await handle.describe()).raw_description.pending_activities[0]
        assert pending.heartbeat_details.payloads[0].data == b'"half"'
        await named.complete("by its id")
        assert await handle.result() == ["ok", "by its id"]
        with pytest.raises(RPCError) as info:
            await named.complete("again")
        assert info.value.status == RPCStatusCode.NOT_FOUND
        assert info.value.message == "workflow execution already completed"


async def test_failure_and_cancellation_by_id(session, queue):
    service = session.client.workflow_service
    async with session.worker(queue, [w.Activity]):
        handle, task = await start_by_hand(session, queue, start_to_close=30)
        fail = by_id(
            RespondActivityTaskFailedByIdRequest,
            handle,
            task,
            failure=Failure(message="named", application_failure_info=ApplicationFailureInfo()),
        )
        answer = await service.respond_activity_task_failed_by_id(fail)
        assert not answer.failures
        again = await service.poll_activity_task_queue(
            PollActivityTaskQueueRequest(
                namespace=NAMESPACE, task_queue=TaskQueue(name=queue + "-activities")
            )
        )
        assert again.attempt == 2 and again.activity_id == task.activity_id
        with pytest.raises(RPCError) as info:  # nobody asked for a cancellation
            await service.respond_activity_task_canceled_by_id(
                by_id(RespondActivityTaskCanceledByIdRequest, handle, task)
            )
        assert info.value.status == RPCStatusCode.INVALID_ARGUMENT
        fail.activity_id = "another"
        with pytest.raises(RPCError) as info:
            await service.respond_activity_task_failed_by_id(fail)
        assert info.value.status == RPCStatusCode.NOT_FOUND
        assert info.value.message == (
            "cannot find pending activity with ActivityID another, "
            "check workflow execution history for more details"
        )
        await service.respond_activity_task_completed_by_id(
            by_id(RespondActivityTaskCompletedByIdRequest, handle, task)
        )
        assert await handle.result() == ["ok", None]


@pytest.mark.parametrize(
    "fields, text",
    [
        ({"workflow_id": "w"}, "ActivityId is not set on request."),
        ({"activity_id": "a"}, "WorkflowId is not set on request."),
        ({"workflow_id": "w", "activity_id": "a", "run_id": "x"}, "RunId is not valid UUID."),
        ({"activity_id": "a", "identity": "i" * 1001}, "Identity length exceeds limit."),
    ],
)
async def test_names_of_activities_are_checked(session, fields, text):
    service = session.client.workflow_service
    for call, request in (
        (service.respond_activity_task_completed_by_id, RespondActivityTaskCompletedByIdRequest),
        (service.respond_activity_task_failed_by_id, RespondActivityTaskFailedByIdRequest),
        (service.respond_activity_task_canceled_by_id, RespondActivityTaskCanceledByIdRequest),
        (service.record_activity_task_heartbeat_by_id, RecordActivityTaskHeartbeatByIdRequest),
    ):
        with pytest.raises(RPCError) as info:
            await call(request(namespace=NAMESPACE, **fields))
        assert info.value.status == RPCStatusCode.INVALID_ARGUMENT
        assert info.value.message == text
