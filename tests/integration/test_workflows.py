"""test_workflows.py - whole workflows with the Python SDK: each with its result and its history."""

import asyncio
from datetime import timedelta

import pytest
from google.protobuf import duration_pb2
from temporalio.api.common.v1 import WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import EventType, HistoryEventFilterType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryReverseRequest,
    PollWorkflowTaskQueueRequest,
    SignalWithStartWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
)
from temporalio.client import (
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowQueryFailedError,
)
from temporalio.common import RetryPolicy, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import (
    ApplicationError,
    CancelledError,
    TerminatedError,
    TimeoutError,
    WorkflowAlreadyStartedError,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

import workflows as w
from harness import NAMESPACE, eventually, unique
from history_checker import types_of

S = timedelta(seconds=1)
TASK = ["WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskCompleted"]
ACTIVITY = ["ActivityTaskScheduled", "ActivityTaskStarted", "ActivityTaskCompleted"]


async def test_hello_world(session, queue):
    async with Worker(
        session.client, task_queue=queue, workflows=[w.Hello], activities=[w.greet]
    ):  # in the SDK's own sandbox, as it comes
        handle = await session.client.start_workflow(
            w.Hello.run, "world", id=queue, task_queue=queue
        )
        assert await handle.result() == "Hello, world!"
    events = await session.events(queue)
    assert types_of(events) == [
        "WorkflowExecutionStarted",
        *TASK,
        *ACTIVITY,
        *TASK,
        "WorkflowExecutionCompleted",
    ]
    started = events[0].workflow_execution_started_event_attributes
    assert started.workflow_type.name == "Hello"
    assert started.task_queue.name == queue
    assert started.attempt == 1
    assert started.first_execution_run_id == started.original_execution_run_id
    assert started.first_execution_run_id == handle.first_execution_run_id
    assert started.workflow_task_timeout.seconds == 10


async def test_workflow_without_activity(session, queue):
    async with session.worker(queue, [w.Plain]):
        result = await session.client.execute_workflow(
            w.Plain.run, "abc", id=queue, task_queue=queue
        )
    assert result == "abc"
    events = await session.events(queue)
    assert types_of(events) == ["WorkflowExecutionStarted", *TASK, "WorkflowExecutionCompleted"]


async def test_start_waits_for_a_worker(session, queue):
    handle = await session.client.start_workflow(w.Hello.run, "x", id=queue, task_queue=queue)
    assert types_of(await session.events(queue)) == [
        "WorkflowExecutionStarted",
        "WorkflowTaskScheduled",
    ]
    async with session.worker(queue, [w.Hello], [w.greet]):
        assert await handle.result() == "Hello, x!"


async def test_workflow_fails(session, queue):
    async with session.worker(queue, [w.Fails]):
        with pytest.raises(WorkflowFailureError) as info:
            await session.client.execute_workflow(w.Fails.run, id=queue, task_queue=queue)
    cause = info.value.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.message, cause.type, list(cause.details)) == ("it went wrong", "Wrong", [42])
    assert types_of(await session.events(queue))[-1] == "WorkflowExecutionFailed"


async def test_broken_workflow_code_is_retried_until_it_is_mended(session, queue):
    async with session.worker(queue, [w.BrokenTask]):
        result = await session.client.execute_workflow(
            w.BrokenTask.run, 2, id=queue, task_queue=queue
        )
    assert result == "mended"
    types = types_of(await session.events(queue))
    assert types.count("WorkflowTaskFailed") == 1  # later attempts leave no trace
    assert types[-3:] == ["WorkflowTaskStarted", "WorkflowTaskCompleted", "WorkflowExecutionCompleted"]
    last = [e for e in await session.events(queue)][-4]
    assert last.workflow_task_scheduled_event_attributes.attempt == 3


async def test_large_payload(session, queue):
    payload = bytes(range(256)) * 2000
    async with session.worker(queue, [w.Big], [w.echo]):
        result = await session.client.execute_workflow(
            w.Big.run, payload, id=queue, task_queue=queue
        )
    assert result == payload


async def test_local_activity_leaves_a_marker(session, queue):
    async with session.worker(queue, [w.LocalWork], [w.greet]):
        result = await session.client.execute_workflow(
            w.LocalWork.run, "near", id=queue, task_queue=queue
        )
    assert result == "Hello, near!"
    assert "MarkerRecorded" in types_of(await session.events(queue))


@pytest.mark.seconds(180)
async def test_fan_out_of_200_activities(session, queue):
    async with session.worker(queue, [w.FanOut], [w.square]):
        result = await session.client.execute_workflow(
            w.FanOut.run, 200, id=queue, task_queue=queue
        )
    assert result == sum(n * n for n in range(200))
    types = types_of(await session.events(queue))
    assert types.count("ActivityTaskCompleted") == 200


@pytest.mark.seconds(240)
async def test_200_workflows_at_once(session, queue):
    async with session.worker(queue, [w.Hello], [w.greet]):
        results = await asyncio.gather(
            *[
                session.client.execute_workflow(
                    w.Hello.run, str(n), id=f"{queue}-{n}", task_queue=queue
                )
                for n in range(200)
            ]
        )
    assert results == [f"Hello, {n}!" for n in range(200)]


@pytest.mark.parametrize("cached", [0, 100])
async def test_worker_restart_in_mid_workflow(session, queue, cached):
    options = {"max_cached_workflows": cached}
    if cached == 0:
        options["max_concurrent_workflow_tasks"] = 5
    async with session.worker(queue, [w.Steps], [w.square], **options):
        handle = await session.client.start_workflow(
            w.Steps.run, args=[3, 6], id=queue, task_queue=queue
        )

        async def some_done():
            return types_of(await session.events(queue)).count("ActivityTaskCompleted") >= 2

        await eventually(some_done, 30, "two activities")
    async with session.worker(queue, [w.Steps], [w.square], **options):
        assert await handle.result() == sum((3 + n) ** 2 for n in range(6))


# -- timers -------------------------------------------------------------------------------------


async def test_timer_is_not_early_and_not_much_late(session, queue):
    async with session.worker(queue, [w.Sleeps]):
        elapsed = await session.client.execute_workflow(
            w.Sleeps.run, 1.5, id=queue, task_queue=queue
        )
    assert 1.5 <= elapsed < 3.5
    events = await session.events(queue)
    assert types_of(events)[4:6] == ["TimerStarted", "TimerFired"]
    span = events[5].event_time.ToNanoseconds() - events[4].event_time.ToNanoseconds()
    assert 1_500_000_000 <= span < 3_000_000_000


async def test_timers_fire_in_order(session, queue):
    delays = [1.2, 0.3, 0.9, 0.6]
    async with session.worker(queue, [w.ManyTimers]):
        fired = await session.client.execute_workflow(
            w.ManyTimers.run, delays, id=queue, task_queue=queue
        )
    assert fired == sorted(delays)


async def test_timer_is_cancelled(session, queue):
    async with session.worker(queue, [w.CancelsTimer]):
        result = await session.client.execute_workflow(
            w.CancelsTimer.run, id=queue, task_queue=queue
        )
    assert result == "cancelled"
    types = types_of(await session.events(queue))
    assert types.count("TimerStarted") == 2
    assert types.count("TimerCanceled") == 1
    assert types.count("TimerFired") == 1


# -- signals and queries ------------------------------------------------------------------------


async def test_signals_arrive_in_order(session, queue):
    async with session.worker(queue, [w.Collects]):
        handle = await session.client.start_workflow(w.Collects.run, id=queue, task_queue=queue)
        for n in range(30):
            await handle.signal(w.Collects.add, str(n))
        await handle.signal(w.Collects.finish)
        assert await handle.result() == [str(n) for n in range(30)]
    assert types_of(await session.events(queue)).count("WorkflowExecutionSignaled") == 31


async def test_signal_before_any_worker(session, queue):
    handle = await session.client.start_workflow(w.Collects.run, id=queue, task_queue=queue)
    await handle.signal(w.Collects.add, "early")
    await handle.signal(w.Collects.finish)
    assert types_of(await session.events(queue)) == [
        "WorkflowExecutionStarted",
        "WorkflowTaskScheduled",
        "WorkflowExecutionSignaled",
        "WorkflowExecutionSignaled",
    ]
    async with session.worker(queue, [w.Collects]):
        assert await handle.result() == ["early"]


async def test_signal_with_start(session, queue):
    async def signal(text, **options):
        return await session.client.start_workflow(
            w.Collects.run,
            id=queue,
            task_queue=queue,
            start_signal="add",
            start_signal_args=[text],
            **options,
        )

    first = await signal("one")
    assert types_of(await session.events(queue)) == [
        "WorkflowExecutionStarted",
        "WorkflowExecutionSignaled",
        "WorkflowTaskScheduled",
    ]
    second = await signal("two")
    assert second.first_execution_run_id == first.first_execution_run_id
    async with session.worker(queue, [w.Collects]):
        await first.signal(w.Collects.finish)
        assert await first.result() == ["one", "two"]
        with pytest.raises(WorkflowAlreadyStartedError):
            await signal("no", id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE)
        third = await signal("three")
        assert third.first_execution_run_id != first.first_execution_run_id
        fourth = await signal(
            "four", id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING
        )
        await fourth.signal(w.Collects.finish)
        assert await fourth.result() == ["four"]
    old = session.client.get_workflow_handle(queue, run_id=third.first_execution_run_id)
    assert (await old.describe()).status == WorkflowExecutionStatus.TERMINATED


def signal_with_start(queue, **changes):
    fields = {
        "namespace": NAMESPACE,
        "workflow_id": queue,
        "workflow_type": WorkflowType(name="Collects"),
        "task_queue": TaskQueue(name=queue),
        "signal_name": "add",
        "request_id": "r",
    }
    return SignalWithStartWorkflowExecutionRequest(**{**fields, **changes})


async def test_signal_with_start_twice_by_one_request(session, queue):
    service = session.client.workflow_service
    request = signal_with_start(queue)
    first = await service.signal_with_start_workflow_execution(request)
    assert first.started and first.run_id == first.first_execution_run_id
    link = first.signal_link.workflow_event
    assert (link.workflow_id, link.run_id) == (queue, first.run_id)
    assert link.request_id_ref.request_id == "r"
    again = await service.signal_with_start_workflow_execution(request)
    assert again.run_id == first.run_id and not again.started
    assert types_of(await session.events(queue)).count("WorkflowExecutionSignaled") == 1
    other = signal_with_start(queue, request_id="s")
    for _ in range(2):
        await service.signal_with_start_workflow_execution(other)
    assert types_of(await session.events(queue)).count("WorkflowExecutionSignaled") == 2
    await session.client.get_workflow_handle(queue).terminate()
    again = await service.signal_with_start_workflow_execution(request)
    assert again.run_id != first.run_id and again.started


async def test_signal_with_start_and_a_delay(session, queue):
    service = session.client.workflow_service
    delay = duration_pb2.Duration(seconds=600)
    request = signal_with_start(queue, workflow_start_delay=delay)
    await service.signal_with_start_workflow_execution(request)
    delayed = ["WorkflowExecutionStarted", "WorkflowExecutionSignaled"]
    assert types_of(await session.events(queue)) == delayed
    request.request_id = "s"  # a second one hastens it
    await service.signal_with_start_workflow_execution(request)
    hastened = [*delayed, "WorkflowExecutionSignaled", "WorkflowTaskScheduled"]
    assert types_of(await session.events(queue)) == hastened


@pytest.mark.parametrize(
    "changes, text",
    [
        ({"workflow_id": ""}, "WorkflowId is not set on request."),
        ({"signal_name": ""}, "signal not set"),
        ({"signal_name": "s" * 1001}, "signal name exceeds maximum allowed length (1001/1000)"),
        ({"workflow_type": None}, "workflow type not set"),
        ({"task_queue": None}, "taskQueue is not set"),
        ({"request_id": "r" * 1001}, "Request ID exceeds maximum allowed length (1001/1000)"),
        (
            {"workflow_id_conflict_policy": int(WorkflowIDConflictPolicy.FAIL)},
            "Invalid WorkflowIDConflictPolicy: WORKFLOW_ID_CONFLICT_POLICY_FAIL is not "
            "supported for this operation.",
        ),
    ],
)
async def test_signal_with_start_is_checked(session, queue, changes, text):
    with pytest.raises(RPCError) as info:
        await session.client.workflow_service.signal_with_start_workflow_execution(
            signal_with_start(queue, **changes)
        )
    assert info.value.status == RPCStatusCode.INVALID_ARGUMENT
    assert info.value.message == text


async def test_signal_to_a_closed_or_unknown_workflow(session, queue):
    async with session.worker(queue, [w.Plain]):
        handle = await session.client.start_workflow(w.Plain.run, "x", id=queue, task_queue=queue)
        await handle.result()
        with pytest.raises(RPCError) as info:
            await handle.signal("any")
    assert info.value.status == RPCStatusCode.NOT_FOUND
    assert info.value.message == "workflow execution already completed"
    with pytest.raises(RPCError) as info:
        await session.client.get_workflow_handle("nobody").signal("any")
    assert info.value.status == RPCStatusCode.NOT_FOUND
    assert info.value.message == "workflow not found for ID: nobody"


async def test_queries_while_running_and_after_the_end(session, queue):
    async with session.worker(queue, [w.Collects]):
        handle = await session.client.start_workflow(w.Collects.run, id=queue, task_queue=queue)
        assert await handle.query(w.Collects.items_now) == []
        await handle.signal(w.Collects.add, "a")
        assert await handle.query(w.Collects.items_now) == ["a"]  # sees the signal before it
        assert await handle.query(w.Collects.count_with, 10) == 11
        await handle.signal(w.Collects.finish)
        assert await handle.result() == ["a"]
        assert await handle.query(w.Collects.items_now) == ["a"]
        before = len(await session.events(queue))
        await handle.query(w.Collects.items_now)
        assert len(await session.events(queue)) == before  # a query leaves no event


async def test_queries_that_fail(session, queue):
    async with session.worker(queue, [w.Collects]):
        handle = await session.client.start_workflow(w.Collects.run, id=queue, task_queue=queue)
        with pytest.raises(WorkflowQueryFailedError, match="no answer"):
            await handle.query(w.Collects.broken)
        with pytest.raises(WorkflowQueryFailedError, match="unknown_query"):
            await handle.query("unknown_query")
        await handle.terminate()
    with pytest.raises(RPCError) as info:
        await session.client.get_workflow_handle("nobody").query("any")
    assert info.value.status == RPCStatusCode.NOT_FOUND


async def test_many_queries_at_once(session, queue):
    async with session.worker(queue, [w.Collects]):
        handle = await session.client.start_workflow(w.Collects.run, id=queue, task_queue=queue)
        answers = await asyncio.gather(
            *[handle.query(w.Collects.count_with, n) for n in range(40)]
        )
        assert answers == list(range(40))
        await handle.terminate()


async def test_query_by_a_worker_that_has_to_replay(session, queue):
    async with session.worker(queue, [w.Collects]):
        handle = await session.client.start_workflow(w.Collects.run, id=queue, task_queue=queue)
        await handle.signal(w.Collects.add, "kept")
        assert await handle.query(w.Collects.items_now) == ["kept"]
    async with session.worker(queue, [w.Collects]):
        assert await handle.query(w.Collects.items_now) == ["kept"]
        await handle.terminate()


# -- cancel, terminate, time-outs ---------------------------------------------------------------


async def test_cancellation_lets_the_workflow_clean_up(session, queue):
    async with session.worker(queue, [w.WaitsForEver], [w.greet]):
        handle = await session.client.start_workflow(w.WaitsForEver.run, id=queue, task_queue=queue)

        async def first_task_done():
            return "WorkflowTaskCompleted" in types_of(await session.events(queue))

        await eventually(first_task_done, 20, "the first workflow task")
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as info:
            await handle.result()
    assert isinstance(info.value.cause, CancelledError)
    types = types_of(await session.events(queue))
    assert "WorkflowExecutionCancelRequested" in types
    assert "ActivityTaskCompleted" in types
    assert types[-1] == "WorkflowExecutionCanceled"
    assert (await handle.describe()).status == WorkflowExecutionStatus.CANCELED
    await handle.cancel()  # a repeated request is no error, even now


async def test_cancel_of_a_completed_workflow_is_no_error(session, queue):
    async with session.worker(queue, [w.Plain]):
        handle = await session.client.start_workflow(w.Plain.run, "x", id=queue, task_queue=queue)
        await handle.result()
    await handle.cancel()
    assert types_of(await session.events(queue))[-1] == "WorkflowExecutionCompleted"
    with pytest.raises(RPCError) as info:
        await session.client.get_workflow_handle("nobody").cancel()
    assert info.value.status == RPCStatusCode.NOT_FOUND
    assert info.value.message == "workflow not found for ID: nobody"


async def test_second_cancellation_request_changes_nothing(session, queue):
    handle = await session.client.start_workflow(w.WaitsForEver.run, id=queue, task_queue=queue)
    await handle.cancel()
    await handle.cancel()
    types = types_of(await session.events(queue))
    assert types.count("WorkflowExecutionCancelRequested") == 1
    await handle.terminate()


async def test_terminate(session, queue):
    async with session.worker(queue, [w.WaitsForEver], [w.greet]):
        handle = await session.client.start_workflow(w.WaitsForEver.run, id=queue, task_queue=queue)
        await handle.terminate("a detail", reason="enough")
        with pytest.raises(WorkflowFailureError) as info:
            await handle.result()
    assert isinstance(info.value.cause, TerminatedError)
    last = (await session.events(queue))[-1].workflow_execution_terminated_event_attributes
    assert last.reason == "enough"
    assert (await handle.describe()).status == WorkflowExecutionStatus.TERMINATED
    with pytest.raises(RPCError) as info:
        await handle.terminate()
    assert info.value.message == "workflow execution already completed"


@pytest.mark.parametrize("which", ["execution_timeout", "run_timeout"])
async def test_workflow_times_out(session, queue, which):
    async with session.worker(queue, [w.WaitsForEver], [w.greet]):
        handle = await session.client.start_workflow(
            w.WaitsForEver.run, id=queue, task_queue=queue, **{which: 1 * S}
        )
        with pytest.raises(WorkflowFailureError) as info:
            await handle.result()
    assert isinstance(info.value.cause, TimeoutError)
    assert types_of(await session.events(queue))[-1] == "WorkflowExecutionTimedOut"
    assert (await handle.describe()).status == WorkflowExecutionStatus.TIMED_OUT


async def test_workflow_task_times_out_and_is_handed_out_again(session, queue):
    handle = await session.client.start_workflow(
        w.Plain.run, "late", id=queue, task_queue=queue, task_timeout=1 * S
    )
    task = await session.client.workflow_service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(
            namespace=NAMESPACE, task_queue=TaskQueue(name=queue), identity="silent"
        )
    )
    assert task.task_token and task.attempt == 1
    assert types_of(task.history.events)[-1] == "WorkflowTaskStarted"
    async with session.worker(queue, [w.Plain]):
        assert await handle.result() == "late"
    assert "WorkflowTaskTimedOut" in types_of(await session.events(queue))


# -- starting, ids, describing ------------------------------------------------------------------


async def test_start_over_a_running_workflow(session, queue):
    client = session.client
    handle = await client.start_workflow(w.WaitsForEver.run, id=queue, task_queue=queue)
    with pytest.raises(WorkflowAlreadyStartedError) as info:
        await client.start_workflow(w.WaitsForEver.run, id=queue, task_queue=queue)
    assert info.value.run_id == handle.first_execution_run_id
    same = await client.start_workflow(
        w.WaitsForEver.run,
        id=queue,
        task_queue=queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    assert same.first_execution_run_id == handle.first_execution_run_id
    other = await client.start_workflow(
        w.WaitsForEver.run,
        id=queue,
        task_queue=queue,
        id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
    )
    assert other.first_execution_run_id != handle.first_execution_run_id
    first = await session.events(queue, handle.first_execution_run_id)
    assert types_of(first)[-1] == "WorkflowExecutionTerminated"
    await other.terminate()


async def test_start_over_a_closed_workflow(session, queue):
    client = session.client
    async with session.worker(queue, [w.Plain, w.Fails]):
        await client.execute_workflow(w.Plain.run, "1", id=queue, task_queue=queue)
        assert await client.execute_workflow(w.Plain.run, "2", id=queue, task_queue=queue) == "2"
        for policy in (
            WorkflowIDReusePolicy.REJECT_DUPLICATE,
            WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        ):
            with pytest.raises(WorkflowAlreadyStartedError):
                await client.start_workflow(
                    w.Plain.run, "3", id=queue, task_queue=queue, id_reuse_policy=policy
                )
        with pytest.raises(WorkflowFailureError):
            await client.execute_workflow(w.Fails.run, id=queue, task_queue=queue)
        result = await client.execute_workflow(
            w.Plain.run,
            "4",
            id=queue,
            task_queue=queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        )
        assert result == "4"


async def test_the_same_request_id_starts_one_run(session, queue):
    request = StartWorkflowExecutionRequest(
        namespace=NAMESPACE,
        workflow_id=queue,
        workflow_type=WorkflowType(name="Plain"),
        task_queue=TaskQueue(name=queue),
        request_id=unique("request"),
        identity="test",
    )
    service = session.client.workflow_service
    answers = await asyncio.gather(*[service.start_workflow_execution(request) for _ in range(5)])
    assert len({a.run_id for a in answers}) == 1
    assert all(a.started for a in answers)
    session.started.append((queue, answers[0].run_id))
    await session.client.get_workflow_handle(queue).terminate()


async def test_describe(session, queue):
    async with session.worker(queue, [w.CancelsActivity], [w.beat_until_cancelled]):
        handle = await session.client.start_workflow(
            w.CancelsActivity.run,
            args=["TRY_CANCEL", False],
            id=queue,
            task_queue=queue,
            memo={"note": "a memo"},
            run_timeout=100 * S,
        )

        async def activity_started():
            raw = (await handle.describe()).raw_description
            return raw.pending_activities and raw.pending_activities[0].state == 2 and raw

        raw = await eventually(activity_started, 20, "the activity is started")
        info = raw.workflow_execution_info
        assert info.execution.workflow_id == queue
        assert info.execution.run_id == handle.first_execution_run_id
        assert info.type.name == "CancelsActivity"
        assert info.task_queue == queue
        assert info.history_length == len(await session.events(queue))
        assert info.status == WorkflowExecutionStatus.RUNNING
        assert info.start_time.seconds > 0 and not info.HasField("close_time")
        assert raw.execution_config.workflow_run_timeout.seconds == 100
        assert raw.pending_activities[0].activity_type.name == "beat_until_cancelled"
        assert raw.pending_activities[0].attempt == 1
        assert await (await handle.describe()).memo() == {"note": "a memo"}
        await handle.signal(w.CancelsActivity.go)
        assert await handle.result() == "CancelledError"
        info = (await handle.describe()).raw_description.workflow_execution_info
        assert info.status == WorkflowExecutionStatus.COMPLETED
        assert info.close_time.seconds > 0
        assert info.history_length == len(await session.events(queue))


async def test_list_and_count_see_everything_at_once(session, queue):
    handles = [
        await session.client.start_workflow(w.Plain.run, str(n), id=f"{queue}-{n}", task_queue=queue)
        for n in range(5)
    ]

    async def listed():
        found = {}
        async for info in session.client.list_workflows(page_size=3):
            if info.id.startswith(queue):
                found[info.id] = info.status
        return found if len(found) == 5 else None

    found = await eventually(listed, 10, "five listed")
    assert set(found.values()) == {WorkflowExecutionStatus.RUNNING}
    assert (await session.client.count_workflows()).count >= 5
    async with session.worker(queue, [w.Plain]):
        for handle in handles:
            await handle.result()

    async def all_completed():
        return set((await listed() or {}).values()) == {WorkflowExecutionStatus.COMPLETED}

    await eventually(all_completed, 10, "five completed")


# -- history ------------------------------------------------------------------------------------


async def test_history_in_pages_of_any_size(session, queue):
    async with session.worker(queue, [w.Steps], [w.square]):
        await session.client.execute_workflow(
            w.Steps.run, args=[1, 2], id=queue, task_queue=queue
        )
    whole = await session.events(queue)
    for size in (1, 2, 3, 5, 1000):
        pages = await session.events(queue, page_size=size)
        assert [e.event_id for e in pages] == [e.event_id for e in whole]
        assert pages == whole


@pytest.mark.parametrize("page_size", [0, 1, 3, 100])
async def test_history_in_reverse(session, queue, page_size):
    async with session.worker(queue, [w.Plain]):
        handle = await session.client.start_workflow(w.Plain.run, "x", id=queue, task_queue=queue)
        await handle.result()
    request = GetWorkflowExecutionHistoryReverseRequest(
        namespace=NAMESPACE,
        execution=WorkflowExecution(workflow_id=queue),
        maximum_page_size=page_size,
    )
    events = []
    while True:
        page = await session.client.workflow_service.get_workflow_execution_history_reverse(request)
        assert not page_size or len(page.history.events) <= page_size
        events += page.history.events
        if not page.next_page_token:
            break
        request.next_page_token = page.next_page_token
    assert events[::-1] == await session.events(queue)
    request.next_page_token = b"rubbish"
    with pytest.raises(RPCError) as info:
        await session.client.workflow_service.get_workflow_execution_history_reverse(request)
    assert info.value.status == RPCStatusCode.INVALID_ARGUMENT
    assert info.value.message == "Invalid NextPageToken."


async def test_history_long_poll_and_close_event(session, queue):
    service = session.client.workflow_service
    handle = await session.client.start_workflow(w.Collects.run, id=queue, task_queue=queue)
    request = GetWorkflowExecutionHistoryRequest(
        namespace=NAMESPACE,
        execution=WorkflowExecution(workflow_id=queue),
        wait_new_event=True,
    )
    first = await service.get_workflow_execution_history(request)
    assert types_of(first.history.events) == ["WorkflowExecutionStarted", "WorkflowTaskScheduled"]
    assert first.next_page_token
    request.next_page_token = first.next_page_token
    waiting = asyncio.create_task(service.get_workflow_execution_history(request))
    await handle.signal(w.Collects.add, "x")
    more = await asyncio.wait_for(waiting, 20)
    assert types_of(more.history.events) == ["WorkflowExecutionSignaled"]

    closing = GetWorkflowExecutionHistoryRequest(
        namespace=NAMESPACE,
        execution=WorkflowExecution(workflow_id=queue),
        wait_new_event=True,
        history_event_filter_type=HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
    )
    waiting = asyncio.create_task(handle.result())
    await handle.terminate()
    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(waiting, 20)
    last = await service.get_workflow_execution_history(closing)
    assert [e.event_type for e in last.history.events] == [
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED
    ]
    assert not last.next_page_token
