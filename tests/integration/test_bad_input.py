"""test_bad_input.py - requests that a server must refuse: the code, the message, the detail's type."""

import asyncio
import gzip
import os

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import ActivityType, Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.command.v1 import (
    Command,
    RecordMarkerCommandAttributes,
    ScheduleActivityTaskCommandAttributes,
    StartTimerCommandAttributes,
)
from temporalio.api.enums.v1 import CommandType, EventType, WorkflowTaskFailedCause
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import *
from temporalio.service import RPCError

import workflows as w
from harness import NAMESPACE, eventually, raw_channel, unique
from history_checker import types_of

WORKFLOW = "/temporal.api.workflowservice.v1.WorkflowService/"


def start_request(**changes):
    fields = {
        "namespace": NAMESPACE,
        "workflow_id": unique("bad"),
        "workflow_type": WorkflowType(name="Plain"),
        "task_queue": TaskQueue(name="bad"),
        "request_id": unique("request"),
        **changes,
    }
    return StartWorkflowExecutionRequest(**fields)


def execution(workflow_id="nobody", run_id=""):
    return WorkflowExecution(workflow_id=workflow_id, run_id=run_id)


class Refusal:
    def __init__(self, error):
        status = error.grpc_status
        self.code = error.status.name
        self.message = error.message
        self.details = [d.type_url.rsplit("/", 1)[-1].rsplit(".", 1)[-1] for d in status.details]


async def refusal(session, request):
    name = type(request).__name__.removesuffix("Request")
    snake = "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
    with pytest.raises(RPCError) as info:
        await getattr(session.client.workflow_service, snake)(request)
    return Refusal(info.value)


LONG = "x" * 1001

# request, code (or several that will do), message (None: any), detail types
CASES = {
    "start-no-workflow-id": (
        lambda: start_request(workflow_id=""),
        "INVALID_ARGUMENT",
        "WorkflowId is not set on request.",
        [],
    ),
    "start-no-type": (
        lambda: start_request(workflow_type=WorkflowType()),
        "INVALID_ARGUMENT",
        "WorkflowType is not set on request.",
        [],
    ),
    "start-no-task-queue": (
        lambda: start_request(task_queue=TaskQueue()),
        "INVALID_ARGUMENT",
        "missing task queue name",
        [],
    ),
    "start-long-workflow-id": (
        lambda: start_request(workflow_id=LONG),
        "INVALID_ARGUMENT",
        "WorkflowId exceeds maximum allowed length (1001/1000)",
        [],
    ),
    "start-long-type": (
        lambda: start_request(workflow_type=WorkflowType(name=LONG)),
        "INVALID_ARGUMENT",
        "WorkflowType length exceeds limit.",
        [],
    ),
    "start-long-request-id": (
        lambda: start_request(request_id=LONG),
        "INVALID_ARGUMENT",
        "RequestId length exceeds limit.",
        [],
    ),
    "start-long-task-queue": (
        lambda: start_request(task_queue=TaskQueue(name=LONG)),
        "INVALID_ARGUMENT",
        None,
        [],
    ),
    "start-bad-run-timeout": (
        lambda: start_request(workflow_run_timeout=Duration(seconds=-1)),
        "INVALID_ARGUMENT",
        None,
        [],
    ),
    "start-bad-execution-timeout": (
        lambda: start_request(workflow_execution_timeout=Duration(seconds=-1)),
        "INVALID_ARGUMENT",
        None,
        [],
    ),
    "start-bad-task-timeout": (
        lambda: start_request(workflow_task_timeout=Duration(seconds=-1)),
        "INVALID_ARGUMENT",
        None,
        [],
    ),
    "start-unknown-namespace": (
        lambda: start_request(namespace="no-such-namespace"),
        "NOT_FOUND",
        "Namespace no-such-namespace is not found.",
        ["NamespaceNotFoundFailure"],
    ),
    "start-no-namespace": (
        lambda: start_request(namespace=""),
        "INVALID_ARGUMENT",
        None,
        [],
    ),
    "start-huge-input": (
        lambda: start_request(input=Payloads(payloads=[Payload(data=b"x" * (2 * 1024 * 1024 + 1))])),
        "INVALID_ARGUMENT",
        None,
        [],
    ),
    "describe-unknown": (
        lambda: DescribeWorkflowExecutionRequest(namespace=NAMESPACE, execution=execution()),
        "NOT_FOUND",
        "workflow not found for ID: nobody",
        ["NotFoundFailure"],
    ),
    "describe-no-execution": (
        lambda: DescribeWorkflowExecutionRequest(namespace=NAMESPACE),
        "INVALID_ARGUMENT",
        "Execution is not set on request.",
        [],
    ),
    "describe-no-id": (
        lambda: DescribeWorkflowExecutionRequest(namespace=NAMESPACE, execution=execution("")),
        "INVALID_ARGUMENT",
        "WorkflowId is not set on request.",
        [],
    ),
    "describe-bad-run-id": (
        lambda: DescribeWorkflowExecutionRequest(
            namespace=NAMESPACE, execution=execution("x", "not-a-uuid")
        ),
        "INVALID_ARGUMENT",
        "Invalid RunId.",
        [],
    ),
    "history-unknown": (
        lambda: GetWorkflowExecutionHistoryRequest(namespace=NAMESPACE, execution=execution()),
        "NOT_FOUND",
        "workflow not found for ID: nobody",
        ["NotFoundFailure"],
    ),
    "history-no-execution": (
        lambda: GetWorkflowExecutionHistoryRequest(namespace=NAMESPACE),
        "INVALID_ARGUMENT",
        "Execution is not set on request.",
        [],
    ),
    "history-bad-page-token": (
        lambda: GetWorkflowExecutionHistoryRequest(
            namespace=NAMESPACE, execution=execution(), next_page_token=b"rubbish"
        ),
        "INVALID_ARGUMENT",
        "Invalid NextPageToken.",
        [],
    ),
    "signal-unknown": (
        lambda: SignalWorkflowExecutionRequest(
            namespace=NAMESPACE, workflow_execution=execution(), signal_name="s"
        ),
        "NOT_FOUND",
        "workflow not found for ID: nobody",
        ["NotFoundFailure"],
    ),
    "signal-no-name": (
        lambda: SignalWorkflowExecutionRequest(
            namespace=NAMESPACE, workflow_execution=execution()
        ),
        "INVALID_ARGUMENT",
        "SignalName is not set on request.",
        [],
    ),
    "signal-long-name": (
        lambda: SignalWorkflowExecutionRequest(
            namespace=NAMESPACE, workflow_execution=execution(), signal_name=LONG
        ),
        "INVALID_ARGUMENT",
        "SignalName length exceeds limit.",
        [],
    ),
    "terminate-unknown": (
        lambda: TerminateWorkflowExecutionRequest(
            namespace=NAMESPACE, workflow_execution=execution()
        ),
        "NOT_FOUND",
        "workflow not found for ID: nobody",
        ["NotFoundFailure"],
    ),
    "cancel-unknown": (
        lambda: RequestCancelWorkflowExecutionRequest(
            namespace=NAMESPACE, workflow_execution=execution()
        ),
        "NOT_FOUND",
        "workflow not found for ID: nobody",
        ["NotFoundFailure"],
    ),
    "query-no-query": (
        lambda: QueryWorkflowRequest(namespace=NAMESPACE, execution=execution()),
        "INVALID_ARGUMENT",
        "WorkflowQuery is not set on request.",
        [],
    ),
    "poll-no-task-queue": (
        lambda: PollWorkflowTaskQueueRequest(namespace=NAMESPACE),
        "INVALID_ARGUMENT",
        None,
        [],
    ),
    "poll-unknown-namespace": (
        lambda: PollActivityTaskQueueRequest(
            namespace="no-such-namespace", task_queue=TaskQueue(name="q")
        ),
        "NOT_FOUND",
        "Namespace no-such-namespace is not found.",
        ["NamespaceNotFoundFailure"],
    ),
    "activity-no-token": (
        lambda: RespondActivityTaskCompletedRequest(namespace=NAMESPACE),
        "INVALID_ARGUMENT",
        "Task token not set on request.",
        [],
    ),
    "activity-bad-token": (
        lambda: RespondActivityTaskCompletedRequest(namespace=NAMESPACE, task_token=b"\xff\xfe"),
        "INVALID_ARGUMENT",
        None,
        [],
    ),
    "heartbeat-no-token": (
        lambda: RecordActivityTaskHeartbeatRequest(namespace=NAMESPACE),
        "INVALID_ARGUMENT",
        "Task token not set on request.",
        [],
    ),
    "workflow-task-no-token": (
        lambda: RespondWorkflowTaskCompletedRequest(namespace=NAMESPACE),
        "INVALID_ARGUMENT",
        "Task token not set on request.",
        [],
    ),
    "workflow-task-bad-token": (
        lambda: RespondWorkflowTaskCompletedRequest(namespace=NAMESPACE, task_token=b"\xff\xfe"),
        "INVALID_ARGUMENT",
        None,
        [],
    ),
    "namespace-unknown": (
        lambda: DescribeNamespaceRequest(namespace="no-such-namespace"),
        "NOT_FOUND",
        "Namespace no-such-namespace is not found.",
        ["NamespaceNotFoundFailure"],
    ),
    "namespace-exists": (
        lambda: RegisterNamespaceRequest(
            namespace=NAMESPACE, workflow_execution_retention_period=Duration(seconds=86400)
        ),
        "ALREADY_EXISTS",
        f'Namespace "{NAMESPACE}" already exists',
        ["NamespaceAlreadyExistsFailure"],
    ),
    "namespace-no-retention": (
        lambda: RegisterNamespaceRequest(namespace=unique("ns")),
        "INVALID_ARGUMENT",
        None,
        [],
    ),
    "list-bad-page-token": (
        lambda: ListWorkflowExecutionsRequest(namespace=NAMESPACE, next_page_token=b"rubbish"),
        ("INVALID_ARGUMENT", "UNKNOWN"),
        None,
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_refused(session, name):
    make, code, message, details = CASES[name]
    got = await refusal(session, make())
    assert got.code in (code if isinstance(code, tuple) else (code,)), (got.code, got.message)
    if message is not None:
        assert got.message == message
    assert got.details == details


async def test_already_started_carries_its_detail(session, queue):
    request = start_request(workflow_id=queue)
    first = await session.client.workflow_service.start_workflow_execution(request)
    session.started.append((queue, first.run_id))
    request.request_id = unique("request")
    got = await refusal(session, request)
    assert got.code == "ALREADY_EXISTS"
    assert got.details == ["WorkflowExecutionAlreadyStartedFailure"]
    assert got.message == (
        f"Workflow execution is already running. WorkflowId: {queue}, RunId: {first.run_id}."
    )
    await session.client.get_workflow_handle(queue).terminate()


# -- commands that are wrong --------------------------------------------------------------------


async def task_by_hand(session, queue):
    await session.client.start_workflow(w.Plain.run, "x", id=queue, task_queue=queue)
    return await session.client.workflow_service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(namespace=NAMESPACE, task_queue=TaskQueue(name=queue))
    )


COMMANDS = {
    "activity-no-id": (
        Command(
            command_type=CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
            schedule_activity_task_command_attributes=ScheduleActivityTaskCommandAttributes(
                activity_type=ActivityType(name="t"), task_queue=TaskQueue(name="q")
            ),
        ),
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_BAD_SCHEDULE_ACTIVITY_ATTRIBUTES,
    ),
    "activity-no-timeout": (
        Command(
            command_type=CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
            schedule_activity_task_command_attributes=ScheduleActivityTaskCommandAttributes(
                activity_id="1", activity_type=ActivityType(name="t"), task_queue=TaskQueue(name="q")
            ),
        ),
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_BAD_SCHEDULE_ACTIVITY_ATTRIBUTES,
    ),
    "timer-no-id": (
        Command(
            command_type=CommandType.COMMAND_TYPE_START_TIMER,
            start_timer_command_attributes=StartTimerCommandAttributes(
                start_to_fire_timeout=Duration(seconds=1)
            ),
        ),
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_BAD_START_TIMER_ATTRIBUTES,
    ),
    "marker-no-name": (
        Command(
            command_type=CommandType.COMMAND_TYPE_RECORD_MARKER,
            record_marker_command_attributes=RecordMarkerCommandAttributes(),
        ),
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_BAD_RECORD_MARKER_ATTRIBUTES,
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_bad_command_fails_the_task(session, queue, name):
    command, cause = COMMANDS[name]
    task = await task_by_hand(session, queue)
    with pytest.raises(RPCError) as info:
        await session.client.workflow_service.respond_workflow_task_completed(
            RespondWorkflowTaskCompletedRequest(
                namespace=NAMESPACE, task_token=task.task_token, commands=[command]
            )
        )
    assert info.value.status.name == "INVALID_ARGUMENT"
    if name == "marker-no-name":
        assert info.value.message == (
            "BadRecordMarkerAttributes: MarkerName is not set on RecordMarkerCommand."
        )
    events = await session.events(queue)
    failed = [e for e in events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED]
    assert failed[0].workflow_task_failed_event_attributes.cause == cause
    async with session.worker(queue, [w.Plain]):  # the workflow itself is unharmed
        assert await session.client.get_workflow_handle(queue).result() == "x"


async def test_a_workflow_task_is_answered_once(session, queue):
    service = session.client.workflow_service
    task = await task_by_hand(session, queue)
    await service.respond_workflow_task_failed(
        RespondWorkflowTaskFailedRequest(namespace=NAMESPACE, task_token=task.task_token)
    )
    got = await refusal(
        session,
        RespondWorkflowTaskCompletedRequest(namespace=NAMESPACE, task_token=task.task_token),
    )
    assert (got.code, got.message) == ("NOT_FOUND", "Workflow task not found.")
    await session.client.get_workflow_handle(queue).terminate()


async def test_completing_over_a_buffered_signal(session, queue):
    """The completing command is refused, and a new task with the signal follows at once."""
    from temporalio.api.command.v1 import CompleteWorkflowExecutionCommandAttributes

    service = session.client.workflow_service
    task = await task_by_hand(session, queue)
    await session.client.get_workflow_handle(queue).signal("late")
    complete = Command(
        command_type=CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
        complete_workflow_execution_command_attributes=CompleteWorkflowExecutionCommandAttributes(),
    )
    got = await refusal(
        session,
        RespondWorkflowTaskCompletedRequest(
            namespace=NAMESPACE, task_token=task.task_token, commands=[complete]
        ),
    )
    assert (got.code, got.message) == ("INVALID_ARGUMENT", "UnhandledCommand")
    assert types_of(await session.events(queue))[3:6] == [
        "WorkflowTaskFailed",
        "WorkflowExecutionSignaled",
        "WorkflowTaskScheduled",
    ]
    again = await service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(namespace=NAMESPACE, task_queue=TaskQueue(name=queue))
    )
    await service.respond_workflow_task_completed(
        RespondWorkflowTaskCompletedRequest(
            namespace=NAMESPACE, task_token=again.task_token, commands=[complete]
        )
    )
    assert types_of(await session.events(queue))[-1] == "WorkflowExecutionCompleted"


# -- bytes that are wrong -----------------------------------------------------------------------


def nested_failure(depth):
    """A RespondActivityTaskFailed whose failure holds `depth` causes, one in the other."""

    def varint(n):
        out = bytearray()
        while n > 0x7F:
            out.append(n & 0x7F | 0x80)
            n >>= 7
        out.append(n)
        return bytes(out)

    # From the inside out the lengths are known only one by one: collect the headers backwards.
    headers, length = [], 0
    for _ in range(depth):
        header = b"\x22" + varint(length)  # Failure.cause = 4
        headers.append(header)
        length += len(header)
    body = b"".join(reversed(headers))
    return b"\x0a\x05token" + b"\x12" + varint(len(body)) + body


BAD_BYTES = ("INVALID_ARGUMENT", "INTERNAL")


@pytest.mark.parametrize(
    "body",
    [b"\xff" * 40, b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x02\xc3\x28", b"\x0a", os.urandom(100) + b"\x07"],
    ids=["ones", "huge-length", "not-utf8", "cut", "noise"],
)
def test_malformed_request_bytes(server, body):
    with raw_channel(server.address) as call:
        with pytest.raises(grpc.RpcError) as info:
            call(WORKFLOW + "StartWorkflowExecution", body)
        assert info.value.code().name in BAD_BYTES
        assert call(WORKFLOW + "GetSystemInfo", b"")


def test_a_failure_nested_a_million_deep(server):
    with raw_channel(server.address) as call:
        body = nested_failure(1_000_000)
        assert 3_900_000 < len(body) < 6_000_000
        with pytest.raises(grpc.RpcError) as info:
            call(WORKFLOW + "RespondActivityTaskFailed", body, timeout=60)
        assert info.value.code().name in (*BAD_BYTES, "RESOURCE_EXHAUSTED")
        with pytest.raises(grpc.RpcError) as info:
            call(WORKFLOW + "RespondActivityTaskFailed", nested_failure(700_000), timeout=60)
        assert info.value.code().name in (*BAD_BYTES, "RESOURCE_EXHAUSTED")
        assert call(WORKFLOW + "GetSystemInfo", b"")


def test_a_message_past_the_limit(server):
    with raw_channel(server.address) as call:
        with pytest.raises(grpc.RpcError) as info:
            call(WORKFLOW + "StartWorkflowExecution", b"\x0a\x05other" + b"\x00" * (5 << 20))
        assert info.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert call(WORKFLOW + "GetSystemInfo", b"")


@pytest.mark.parametrize("method", [WORKFLOW + "NoSuchMethod", "/no.such.Service/Method"])
def test_unknown_methods(server, method):
    with raw_channel(server.address) as call:
        with pytest.raises(grpc.RpcError) as info:
            call(method, b"")
        assert info.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_health_and_reflection(server):
    with raw_channel(server.address) as call:
        assert call("/grpc.health.v1.Health/Check", b"") == b"\x08\x01"  # SERVING
        service = b"temporal.api.workflowservice.v1.WorkflowService"
        body = b"\x0a" + bytes([len(service)]) + service
        assert call("/grpc.health.v1.Health/Check", body) == b"\x08\x01"
        with pytest.raises(grpc.RpcError) as info:
            call("/grpc.health.v1.Health/Check", b"\x0a\x04none")
        assert info.value.code() == grpc.StatusCode.NOT_FOUND
    with grpc.insecure_channel(server.address) as channel:
        for version in ("v1alpha", "v1"):
            stream = channel.stream_stream(
                f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
            )
            (answer,) = stream(iter([b"\x3a\x00"]), timeout=20)  # list_services
            assert service in answer
            (answer,) = stream(iter([b"\x22" + bytes([len(service)]) + service]), timeout=20)
            assert b"StartWorkflowExecution" in answer  # file_containing_symbol


def test_gzip(server):
    with grpc.insecure_channel(server.address, compression=grpc.Compression.Gzip) as channel:
        answer = channel.unary_unary(WORKFLOW + "DescribeNamespace")(
            DescribeNamespaceRequest(namespace=NAMESPACE).SerializeToString(), timeout=20
        )
        described = DescribeNamespaceResponse.FromString(answer)
        assert described.namespace_info.name == NAMESPACE
        big = start_request(input=Payloads(payloads=[Payload(data=b"x" * 500_000)]))
        assert len(gzip.compress(big.SerializeToString())) < 5000
        channel.unary_unary(WORKFLOW + "StartWorkflowExecution")(
            big.SerializeToString(), timeout=20
        )
        channel.unary_unary(WORKFLOW + "TerminateWorkflowExecution")(
            TerminateWorkflowExecutionRequest(
                namespace=NAMESPACE, workflow_execution=execution(big.workflow_id)
            ).SerializeToString(),
            timeout=20,
        )


# -- clients that go away -----------------------------------------------------------------------


async def test_a_client_that_leaves_frees_its_poll(session, queue):
    """The task of a start right after goes to a living worker, not into the dead poll."""
    with grpc.insecure_channel(session.server.address) as channel:
        poll = PollWorkflowTaskQueueRequest(
            namespace=NAMESPACE, task_queue=TaskQueue(name=queue), identity="leaver"
        ).SerializeToString()
        calls = [
            channel.unary_unary(WORKFLOW + "PollWorkflowTaskQueue").future(poll, timeout=60)
            for _ in range(3)
        ]

        async def polling():
            found = await session.client.workflow_service.describe_task_queue(
                DescribeTaskQueueRequest(
                    namespace=NAMESPACE, task_queue=TaskQueue(name=queue), task_queue_type=1
                )
            )
            return bool(found.pollers)

        await eventually(polling, 20, "the poll is seen")
        for call in calls[:2]:
            call.cancel()
    # the third goes with its connection
    async with session.worker(queue, [w.Plain]):
        result = await asyncio.wait_for(
            session.client.execute_workflow(w.Plain.run, "alive", id=queue, task_queue=queue), 8
        )
    assert result == "alive"


async def test_a_poll_comes_back_empty_before_its_deadline(session, queue):
    from datetime import timedelta

    answer = await session.client.workflow_service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(namespace=NAMESPACE, task_queue=TaskQueue(name=queue)),
        timeout=timedelta(seconds=3),
    )
    assert answer.task_token == b""
