"""test_activity_operations.py - pausing, unpausing, resetting activities and changing their options, with SDK workers
and the command line; and workflows that are paused, behind the setting that permits it."""

import asyncio
from datetime import timedelta

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio import activity
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.command.v1 import Command
from temporalio.api.common.v1 import RetryPolicy, WorkflowExecution
from temporalio.api.enums.v1 import CommandType, PendingActivityState, WorkflowExecutionStatus
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeWorkflowExecutionRequest,
    ListWorkflowExecutionsRequest,
    PauseActivityRequest,
    PauseWorkflowExecutionRequest,
    PollWorkflowTaskQueueRequest,
    QueryWorkflowRequest,
    ResetActivityRequest,
    RespondWorkflowTaskCompletedRequest,
    UnpauseActivityRequest,
    UnpauseWorkflowExecutionRequest,
    UpdateActivityOptionsRequest,
)
from temporalio.service import RPCError, RPCStatusCode

import harness
import workflows as w
from harness import NAMESPACE, eventually
from history_checker import types_of

PAUSED = PendingActivityState.PENDING_ACTIVITY_STATE_PAUSED
PAUSE_REQUESTED = PendingActivityState.PENDING_ACTIVITY_STATE_PAUSE_REQUESTED
LONG = {"initial_ms": 3_600_000}


@activity.defn
async def fail_first() -> int:
    """Fails once."""
    if activity.info().attempt == 1:
        raise RuntimeError("not yet")
    return activity.info().attempt


@activity.defn
async def beat_until_told() -> str:
    """Runs until a heartbeat says that it is paused or reset; what it heard is its failure."""
    if activity.info().heartbeat_details:
        return str(activity.info().heartbeat_details[0])
    try:
        while True:
            activity.heartbeat("beats")
            await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        heard = activity.cancellation_details()
        what = "paused" if heard.paused else "reset" if heard.reset else "canceled"
        raise RuntimeError(what) from None


async def pending(session, queue):
    described = await described_raw(session, queue)
    return described.pending_activities[0] if described.pending_activities else None


async def until(session, queue, condition, what):
    async def holds():
        one = await pending(session, queue)
        return one if one and condition(one) else None

    return await eventually(holds, 20, what)


def of(queue, **more):
    return {"namespace": NAMESPACE, "execution": WorkflowExecution(workflow_id=queue), "identity": "tester", **more}


async def start(session, queue, name, **options):
    return await session.client.start_workflow(
        w.Activity.run, args=[name, [], options], id=queue, task_queue=queue
    )


async def test_pause_between_attempts_and_go_on(session, queue):
    service = session.client.workflow_service
    async with session.worker(queue, [w.Activity], [fail_first]):
        handle = await start(session, queue, "fail_first", start_to_close=10, retry=LONG)
        one = await until(session, queue, lambda a: a.attempt == 2, "the second attempt waits")
        await service.pause_activity(PauseActivityRequest(**of(queue, id=one.activity_id, reason="why")))
        one = await pending(session, queue)
        assert one.state == PAUSED and one.paused and one.pause_info.manual.reason == "why"
        assert one.pause_info.manual.identity == "tester" and one.HasField("last_attempt_complete_time")
        assert not one.HasField("next_attempt_schedule_time")
        await service.unpause_activity(UnpauseActivityRequest(**of(queue, id=one.activity_id)))
        assert await handle.result() == ["ok", 2]


async def test_pause_and_reset_are_heard_by_the_worker(session, queue):
    service = session.client.workflow_service
    async with session.worker(queue, [w.Activity], [beat_until_told],
                              default_heartbeat_throttle_interval=timedelta(milliseconds=50),
                              max_heartbeat_throttle_interval=timedelta(milliseconds=50)):
        handle = await start(session, queue, "beat_until_told", start_to_close=60, heartbeat=20)
        one = await until(session, queue, lambda a: a.HasField("last_heartbeat_time"), "it beats")
        await service.pause_activity(PauseActivityRequest(**of(queue, type="beat_until_told")))
        one = await until(session, queue, lambda a: a.state == PAUSED, "it has heard of it")
        assert one.last_failure.message == "paused" and one.attempt == 2
        await service.unpause_activity(
            UnpauseActivityRequest(**of(queue, unpause_all=True, reset_attempts=True, reset_heartbeat=True))
        )
        one = await until(session, queue, lambda a: a.HasField("last_heartbeat_time"), "it beats anew")
        assert one.attempt == 1
        await service.reset_activity(ResetActivityRequest(**of(queue, match_all=True)))
        assert await handle.result() == ["ok", "beats"]


async def test_reset_in_back_off(session, queue):
    async with session.worker(queue, [w.Activity], [w.fail_until]):
        handle = await session.client.start_workflow(
            w.Activity.run, args=["fail_until", [1 << 20], {"start_to_close": 10, "retry": LONG}], id=queue,
            task_queue=queue,
        )
        one = await until(session, queue, lambda a: a.attempt == 2, "the second attempt waits")
        completed = one.last_attempt_complete_time.ToNanoseconds()
        await session.client.workflow_service.reset_activity(
            ResetActivityRequest(**of(queue, id=one.activity_id))
        )
        one = await until(
            session, queue,
            lambda a: a.attempt == 2 and a.last_attempt_complete_time.ToNanoseconds() > completed,
            "the first attempt was tried again",
        )
        await handle.terminate()


async def test_another_queue_and_a_shorter_interval(session, queue):
    service = session.client.workflow_service
    async with session.worker(queue, [w.Activity]):  # nobody does activities here
        handle = await start(session, queue, "fail_first", start_to_close=10, retry=LONG)
        one = await until(session, queue, lambda a: True, "it waits")
        answer = await service.update_activity_options(UpdateActivityOptionsRequest(
            **of(queue, id=one.activity_id),
            activity_options=ActivityOptions(
                task_queue=TaskQueue(name=queue + "-b"),
                retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10)),
            ),
            update_mask=FieldMask(paths=["task_queue.name", "retry_policy.initial_interval"]),
        ))
        assert answer.activity_options.task_queue.name == queue + "-b"
        async with session.worker(queue + "-b", [], [fail_first]):
            assert await handle.result() == ["ok", 2]
    # The event says what was asked for first.
    scheduled = next(e for e in await session.events(queue) if types_of([e]) == ["ActivityTaskScheduled"])
    assert scheduled.activity_task_scheduled_event_attributes.task_queue.name == queue


async def test_paused_survives_a_restart(session, queue, own_server):
    service = session.client.workflow_service
    async with session.worker(queue, [w.Activity], [fail_first]):
        handle = await start(session, queue, "fail_first", start_to_close=10, retry=LONG)
        one = await until(session, queue, lambda a: a.attempt == 2, "the second attempt waits")
        await service.pause_activity(PauseActivityRequest(**of(queue, id=one.activity_id, request_id="r")))
        own_server.wait_restarted("history", own_server.kill("history"))
        one = await until(session, queue, lambda a: a.state == PAUSED, "it is still paused")
        with pytest.raises(RPCError) as error:
            await service.pause_activity(PauseActivityRequest(**of(queue, id=one.activity_id, request_id="q")))
        assert error.value.status == RPCStatusCode.FAILED_PRECONDITION
        await service.unpause_activity(UnpauseActivityRequest(**of(queue, type="fail_first")))
        assert await handle.result() == ["ok", 2]


async def test_list_shows_what_is_paused(session, queue):
    service = session.client.workflow_service
    async with session.worker(queue, [w.Activity]):
        handle = await start(session, queue, "fail_first", start_to_close=10)
        one = await until(session, queue, lambda a: True, "it waits")
        await service.pause_activity(PauseActivityRequest(**of(queue, id=one.activity_id)))

        async def listed():
            page = await service.list_workflow_executions(
                ListWorkflowExecutionsRequest(namespace=NAMESPACE, page_size=1000)
            )
            mine = [e for e in page.executions if e.execution.workflow_id == queue]
            return mine and mine[0].search_attributes.indexed_fields.get("TemporalPauseInfo")

        assert (await eventually(listed, 10, "it is listed so")).data == b'["property:activityType=fail_first"]'
        await handle.terminate()


def test_command_line(cli, server):
    """temporal activity pause, unpause, reset, update-options."""
    workflow_id = harness.unique("activity-cli")

    async def begin():
        session = harness.Session(server)
        await session.connect()
        async with session.worker(workflow_id, [w.Activity]):
            await start(session, workflow_id, "fail_first", start_to_close=10)
            return (await until(session, workflow_id, lambda a: True, "it waits")).activity_id

    def shown():
        return cli.json("workflow", "describe", "-w", workflow_id)["pendingActivities"][0]

    which = ["--activity-id", asyncio.run(begin()), "-w", workflow_id]
    cli.run("activity", "pause", *which, "--identity", "me")
    assert shown()["paused"] is True and shown()["state"] == "PENDING_ACTIVITY_STATE_PAUSED"
    cli.run("activity", "reset", *which, "--keep-paused")
    assert shown()["paused"] is True
    cli.run("activity", "unpause", *which, "--reset-attempts")
    assert not shown().get("paused")
    out = cli.run("activity", "update-options", *which, "--start-to-close-timeout", "33s", "--retry-maximum-attempts", "3")
    assert "33s" in out
    assert shown()["activityOptions"]["startToCloseTimeout"] == "33s" and shown()["maximumAttempts"] == 3
    cli.run("activity", "pause", "--activity-id", "nope", "-w", workflow_id, ok=False)
    cli.run("workflow", "terminate", "-w", workflow_id)


# -- paused workflows ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def permissive(server):
    """A cluster in which workflows may be paused."""
    if not server.own:
        pytest.skip("needs a setting of its own, not GNOMON_TEST_ADDRESS")
    cluster = harness.Cluster(dynamic={"frontend.WorkflowPauseEnabled": True})
    yield cluster
    cluster.stop()


async def described_raw(session, workflow_id):
    """The SDK knows no workflow that is paused."""
    return await session.client.workflow_service.describe_workflow_execution(
        DescribeWorkflowExecutionRequest(namespace=NAMESPACE, execution=WorkflowExecution(workflow_id=workflow_id))
    )


async def test_workflow_pause_is_off_by_default(session, queue):
    service = session.client.workflow_service
    with pytest.raises(RPCError) as error:
        await service.pause_workflow_execution(PauseWorkflowExecutionRequest(namespace=NAMESPACE, workflow_id=queue))
    assert error.value.status == RPCStatusCode.UNIMPLEMENTED
    assert error.value.message == "workflow pause is not enabled for namespace: default"
    described = await service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
    assert not described.namespace_info.capabilities.workflow_pause


async def test_workflow_paused_and_unpaused(permissive, queue):
    """A worker by hand: the SDKs know no Paused event."""
    session = harness.Session(permissive)
    await session.connect()
    service = session.client.workflow_service

    async def task():
        return await service.poll_workflow_task_queue(PollWorkflowTaskQueueRequest(
            namespace=NAMESPACE, task_queue=TaskQueue(name=queue), identity="worker"), timeout=timedelta(seconds=20))

    described = await service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
    assert described.namespace_info.capabilities.workflow_pause
    handle = await session.client.start_workflow("Any", id=queue, task_queue=queue)
    await service.respond_workflow_task_completed(RespondWorkflowTaskCompletedRequest(
        namespace=NAMESPACE, task_token=(await task()).task_token))
    await service.pause_workflow_execution(PauseWorkflowExecutionRequest(
        namespace=NAMESPACE, workflow_id=queue, identity="tester", reason="a rest", request_id="r"))
    raw = await described_raw(session, queue)
    assert raw.workflow_execution_info.status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_PAUSED
    assert raw.workflow_extended_info.pause_info.reason == "a rest"
    assert raw.workflow_extended_info.pause_info.identity == "tester"
    answer = await service.query_workflow(QueryWorkflowRequest(
        namespace=NAMESPACE, execution=WorkflowExecution(workflow_id=queue), query=WorkflowQuery(query_type="any")))
    assert answer.query_rejected.status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_PAUSED
    await handle.signal("go")
    assert not (await described_raw(session, queue)).HasField("pending_workflow_task")
    permissive.wait_restarted("history", permissive.kill("history"))
    await service.unpause_workflow_execution(UnpauseWorkflowExecutionRequest(
        namespace=NAMESPACE, workflow_id=queue, identity="tester"))
    await service.respond_workflow_task_completed(RespondWorkflowTaskCompletedRequest(
        namespace=NAMESPACE, task_token=(await task()).task_token, commands=[Command(
            command_type=CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
            complete_workflow_execution_command_attributes={})]))
    types = types_of(await session.events(queue))
    assert types[4:] == [
        "WorkflowExecutionPaused", "WorkflowExecutionSignaled", "WorkflowExecutionUnpaused", "WorkflowTaskScheduled",
        "WorkflowTaskStarted", "WorkflowTaskCompleted", "WorkflowExecutionCompleted",
    ]
