"""test_hostile.py - clients that mean harm, or are broken: the server refuses them and goes on serving others.

Everything random is seeded; SEED in the environment chooses another seed. After each test the server answers,
completes a workflow, holds no poll of the test's, and its processes are those from before.
"""

import os
import random
import re
import socket
import time
import urllib.request

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from temporalio.api import operatorservice, workflowservice
from temporalio.api.command.v1 import (
    Command,
    CompleteWorkflowExecutionCommandAttributes,
    ScheduleActivityTaskCommandAttributes,
)
from temporalio.api.common.v1 import ActivityType, Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import CommandType
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import *

import harness
import history_checker
import raw_http2 as h2
from harness import ROOT, raw_channel, unique, wait_until

WORKFLOW = "/temporal.api.workflowservice.v1.WorkflowService/"
SEED = int(os.environ.get("SEED", "7233"))
NAMESPACE = "hostile"  # what is mangled here stays out of the other tests' sight
DEADLINE = ((b"grpc-timeout", b"60S"),)
MESSAGE_MAX = 4 * 1024 * 1024
REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.UNKNOWN,  # an id of a namespace that is no UUID, as the reference says
    grpc.StatusCode.INTERNAL,  # bytes that are no message, as grpc-go says
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.OUT_OF_RANGE,
}
# What else a method may say: no other cluster can be reached from this one, whatever its address.
MORE_REFUSALS = {"AddOrUpdateRemoteCluster": grpc.StatusCode.UNAVAILABLE}


def is_sanitized():
    """Memory figures mean nothing where every freed block is kept for a while."""
    with open(harness.BIN / "gnomon-frontend", "rb") as program:
        text = program.read()
    return b"__asan_init" in text or b"__tsan_init" in text


PROMPT_S = 20 if is_sanitized() else 5


class Asker:
    """Requests as messages, over one channel."""

    def __init__(self, call):
        self.call = call

    def __call__(self, request, timeout=20):
        name = type(request).__name__.removesuffix("Request")
        answer = getattr(workflowservice.v1, name + "Response")
        return answer.FromString(self.call(WORKFLOW + name, request.SerializeToString(), timeout=timeout))

    def code(self, request, timeout=20):
        try:
            self(request, timeout)
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK


@pytest.fixture
def ask(server):
    with raw_channel(server.address) as call:
        yield Asker(call)


@pytest.fixture(scope="module", autouse=True)
def namespaces(server):
    with raw_channel(server.address) as call:
        ask = Asker(call)
        for name in (NAMESPACE, NAMESPACE + "-other"):
            request = RegisterNamespaceRequest(
                namespace=name, workflow_execution_retention_period=Duration(seconds=86400)
            )
            assert ask.code(request) in (grpc.StatusCode.OK, grpc.StatusCode.ALREADY_EXISTS)


def start(ask, workflow_id, namespace=NAMESPACE, queue=None, **more):
    return ask(
        StartWorkflowExecutionRequest(
            namespace=namespace,
            workflow_id=workflow_id,
            workflow_type=WorkflowType(name="Plain"),
            task_queue=TaskQueue(name=queue or workflow_id),
            request_id=unique("request"),
            **more,
        )
    ).run_id


def poll_workflow(ask, queue, namespace=NAMESPACE, timeout=20):
    return ask(
        PollWorkflowTaskQueueRequest(namespace=namespace, task_queue=TaskQueue(name=queue)), timeout
    )


def complete(ask, token, *commands, namespace=NAMESPACE):
    return ask(
        RespondWorkflowTaskCompletedRequest(namespace=namespace, task_token=token, commands=commands)
    )


CLOSE = Command(
    command_type=CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
    complete_workflow_execution_command_attributes=CompleteWorkflowExecutionCommandAttributes(),
)


def activity_command(queue):
    return Command(
        command_type=CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
        schedule_activity_task_command_attributes=ScheduleActivityTaskCommandAttributes(
            activity_id="1",
            activity_type=ActivityType(name="act"),
            task_queue=TaskQueue(name=queue),
            start_to_close_timeout=Duration(seconds=600),
            heartbeat_timeout=Duration(seconds=600),
        ),
    )


def activity_task(ask, workflow_id, namespace=NAMESPACE):
    """A started activity's task; the workflow waits for it."""
    start(ask, workflow_id, namespace)
    task = poll_workflow(ask, workflow_id, namespace)
    complete(ask, task.task_token, activity_command(workflow_id), namespace=namespace)
    return ask(
        PollActivityTaskQueueRequest(namespace=namespace, task_queue=TaskQueue(name=workflow_id))
    )


def terminate(ask, workflow_id, namespace=NAMESPACE):
    ask(
        TerminateWorkflowExecutionRequest(
            namespace=namespace, workflow_execution=WorkflowExecution(workflow_id=workflow_id)
        )
    )


def history(ask, workflow_id, run_id="", namespace=NAMESPACE, page_size=0):
    request = GetWorkflowExecutionHistoryRequest(
        namespace=namespace,
        execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
        maximum_page_size=page_size,
    )
    events = []
    while True:
        answer = ask(request)
        events += answer.history.events
        if not answer.next_page_token:
            return events
        request.next_page_token = answer.next_page_token


def serves(ask):
    """The server answers, and a workflow goes through at once."""
    assert ask(GetSystemInfoRequest()).server_version
    name = unique("serves")
    before = time.monotonic()
    start(ask, name)
    complete(ask, poll_workflow(ask, name).task_token, CLOSE)
    assert history_checker.types_of(history(ask, name))[-1] == "WorkflowExecutionCompleted"
    assert time.monotonic() - before < PROMPT_S


def metric(server, service, name):
    url = f"http://127.0.0.1:{server.metrics_ports[service]}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    values = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.M)
    assert values, f"no metric {name} of {service}"
    return sum(float(value) for value in values)


def held_polls(server):
    return metric(server, "matching", "gnomon_matching_held_polls")


def resident_bytes(server, *services):
    pids = server.pids()
    total = 0
    for service in services:
        with open(f"/proc/{pids[service]}/status") as status:
            total += int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) * 1024
    return total


@pytest.fixture(autouse=True)
def unharmed(server, namespaces):
    """What holds after every test of this file."""
    pids = server.pids() if server.own else None
    yield
    with raw_channel(server.address) as call:
        serves(Asker(call))
    if server.own:
        assert server.pids() == pids
        wait_until(lambda: held_polls(server) == 0, 10, "no poll is left in matching")


@pytest.fixture
def rng(request):
    return random.Random(f"{SEED} {request.node.name}")


# -- bytes that are not HTTP/2 --------------------------------------------------------------------


def test_random_bytes(server, rng):
    for _ in range(150):
        with h2.Peer(server.address, hello=False) as peer:
            peer.send(rng.randbytes(rng.choice((1, 9, 23, 24, 25, 100, 1000, 70000))))
    for start_with in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"\0" * 64):
        with h2.Peer(server.address, hello=False) as peer:
            peer.send(start_with + rng.randbytes(4000))
            assert peer.is_closed_within(10)


def test_garbage_frames(server, rng):
    """Well-cut frames of every kind with random flags, streams and contents."""
    for _ in range(150):
        with h2.Peer(server.address) as peer:
            for _ in range(rng.randrange(1, 40)):
                length = rng.choice((0, 1, 4, 5, 8, 100, 16384, 20000))
                kind, flags = rng.randrange(12), rng.randrange(256)
                stream = rng.choice((0, 1, 2, 3, 5, 0x7FFFFFFF))
                if not peer.send(h2.frame(kind, flags, stream, rng.randbytes(length))):
                    break
            peer.send(rng.randbytes(rng.randrange(30)))
            if rng.random() < 0.3:
                peer.reset_connection()


def test_garbage_after_good_headers(server, rng):
    """A request is begun, then nonsense comes on its stream: wrong lengths, flags, compressed rubbish."""
    for _ in range(150):
        with h2.Peer(server.address) as peer:
            path = WORKFLOW + rng.choice(("GetSystemInfo", "PollWorkflowTaskQueue", "None"))
            peer.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.request_headers(path)))
            body = rng.randbytes(rng.randrange(200))
            prefix = bytes([rng.randrange(3)]) + rng.choice((0, 1, 100, 2**32 - 1)).to_bytes(4, "big")
            peer.send(h2.frame(h2.DATA, rng.choice((0, h2.END_STREAM)), 1, prefix + body))
            if rng.random() < 0.5:
                peer.send(h2.frame(h2.RST_STREAM, 0, 1, rng.randbytes(4)))


def test_a_flood_of_resets(server):
    """Streams opened and reset at once, the cheapest way to keep a server busy."""
    with h2.Peer(server.address) as peer:
        headers = h2.request_headers(WORKFLOW + "PollWorkflowTaskQueue")
        for first in range(1, 20001, 200):
            batch = b"".join(
                h2.frame(h2.HEADERS, h2.END_HEADERS, stream, headers)
                + h2.frame(h2.RST_STREAM, 0, stream, b"\0\0\0\x08")
                for stream in range(first, first + 200, 2)
            )
            if not peer.send(batch):
                break


@pytest.mark.parametrize(
    "one",
    [h2.frame(h2.PING, 0, 0, b"12345678"), h2.settings(), h2.frame(h2.PRIORITY, 0, 3, b"\0\0\0\0\1")],
    ids=["ping", "settings", "priority"],
)
def test_a_flood_of_control_frames_without_reading(server, one):
    """Answers that nobody takes don't pile up: the connection ends, or the server stops reading."""
    if not server.own:
        pytest.skip("looks at its own server's memory")
    before = resident_bytes(server, "frontend")
    with h2.Peer(server.address) as peer:
        peer.socket.settimeout(3)
        for _ in range(300):
            if not peer.send(one * 1000):
                break
    assert is_sanitized() or resident_bytes(server, "frontend") - before < 16 << 20


# -- headers --------------------------------------------------------------------------------------


def header_bombs():
    yield "endless", [h2.frame(h2.HEADERS, 0, 1, h2.request_headers(WORKFLOW + "GetSystemInfo"))] + [
        h2.frame(h2.CONTINUATION, 0, 1, h2.literal(b"x-%d" % n, b"v" * 8000) * 2) for n in range(400)
    ]
    yield "empty-continuations", [
        h2.frame(h2.HEADERS, 0, 1, h2.request_headers(WORKFLOW + "GetSystemInfo"))
    ] + [h2.frame(h2.CONTINUATION, 0, 1)] * 20000
    yield "many", [
        h2.frame(h2.HEADERS, h2.END_HEADERS, stream, h2.request_headers("/x") + h2.literal(b"a", b"") * 5000)
        for stream in (1, 3, 5)
    ]
    # One large field in the dynamic table, then a byte for each use of it.
    large = h2.literal(b"bomb", b"v" * 3900, indexed=True)
    yield "indexed", [
        h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.request_headers("/x") + large),
        *[
            h2.frame(h2.HEADERS, h2.END_HEADERS, stream, h2.request_headers("/x") + b"\xbe" * 16000)
            for stream in range(3, 203, 2)
        ],
    ]
    yield "long-path", [
        h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.request_headers("/" + "x" * 15000))
    ]
    yield "huge-length", [
        h2.frame(h2.HEADERS, h2.END_HEADERS, 1, b"\0" + h2.hpack_int(2**31, 7, 0) + b"x" * 100)
    ]
    yield "huge-integer", [h2.frame(h2.HEADERS, h2.END_HEADERS, 1, b"\xff" * 1000)]
    yield "table-size", [
        h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.hpack_int(2**30, 5, 0x20) + h2.request_headers("/x"))
    ]


BOMBS = dict(header_bombs())


@pytest.mark.parametrize("name", BOMBS)
def test_header_bombs(server, name):
    before = resident_bytes(server, "frontend") if server.own else 0
    for _ in range(10):
        with h2.Peer(server.address) as peer:
            for piece in BOMBS[name]:
                if not peer.send(piece):
                    break
            peer.send(h2.frame(h2.PING, 0, 0, b"bomb-end"))
            for kind, flags, _, payload in peer.frames(seconds=10):
                if kind == h2.GOAWAY or (kind == h2.PING and flags & h2.ACK and payload == b"bomb-end"):
                    break
    if server.own and not is_sanitized():
        assert resident_bytes(server, "frontend") - before < 16 << 20


@pytest.mark.parametrize(
    "extra",
    [
        ((b"grpc-timeout", b"99999999999999999999S"),),
        ((b"grpc-timeout", b"-1S"),),
        ((b"grpc-timeout", b"1"),),
        ((b"grpc-encoding", b"zstd"),),
        ((b"grpc-encoding", b"gzip"),),
        ((b"x-bin", b"!!!not base64!!!"),),
        ((b"grpc-timeout", b"0n"),),
        ((b"content-length", b"18446744073709551615"),),
        ((b"x-nul", b"a\0b"),),
        ((b":path", b"/again"),),
    ],
    ids=lambda extra: f"{extra[0][0].decode()}={extra[0][1][:12].decode(errors='replace')}",
)
def test_odd_headers(server, extra):
    """Each gets an answer of some kind at once: a status, a reset, or the end of the connection."""
    with h2.Peer(server.address) as peer:
        assert peer.call(1, WORKFLOW + "GetSystemInfo", b"", extra)
        for kind, flags, stream, _ in peer.frames(seconds=10):
            if stream == 1 and (kind == h2.RST_STREAM or flags & h2.END_STREAM):
                return
            if kind == h2.GOAWAY:
                return
        assert peer.is_closed_within(1)


# -- requests that stay unfinished ----------------------------------------------------------------


def test_half_requests_hang_without_harm(server, ask, rng):
    """Connections at every stage of a request, all silent: others are served meanwhile."""
    whole = h2.PREFACE + h2.settings()
    whole += h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.request_headers(WORKFLOW + "StartWorkflowExecution"))
    whole += h2.frame(h2.DATA, 0, 1, b"\0" + (1 << 20).to_bytes(4, "big") + b"x" * 5000)
    peers = []
    try:
        for _ in range(200):
            peer = h2.Peer(server.address, hello=False)
            peers.append(peer)
            peer.send(whole[: rng.randrange(len(whole))])
        serves(ask)
    finally:
        for peer in peers:
            peer.reset_connection()


def test_a_slow_reader_of_a_large_history(server, ask):
    """Readers ask for megabytes and take nothing: bounded memory, everybody else is served."""
    readers = 2 if is_sanitized() else 12
    name = unique("large")
    start(ask, name)
    for n in range(24):
        ask(
            SignalWorkflowExecutionRequest(
                namespace=NAMESPACE,
                workflow_execution=WorkflowExecution(workflow_id=name),
                signal_name=str(n),
                input=Payloads(payloads=[Payload(data=b"\xaa" * 120_000)]),
            )
        )
    request = GetWorkflowExecutionHistoryRequest(
        namespace=NAMESPACE, execution=WorkflowExecution(workflow_id=name)
    )
    before = resident_bytes(server, "frontend", "history") if server.own else 0
    peers = [h2.Peer(server.address, initial_window_size=0) for _ in range(readers)]
    try:
        for peer in peers:
            for stream in range(1, 27, 2):
                if not peer.call(stream, WORKFLOW + "GetWorkflowExecutionHistory", request.SerializeToString()):
                    break
        serves(ask)
        assert len(history(ask, name)) == 26
        if server.own and not is_sanitized():
            # 32 MB a connection is the limit; then calls are refused.
            assert resident_bytes(server, "frontend", "history") - before < readers * (40 << 20)
    finally:
        for peer in peers:
            peer.reset_connection()
    terminate(ask, name)
    history_checker.check(history(ask, name), what=name)


# -- messages that are too much -------------------------------------------------------------------


def varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def nested_failure(token, bytes_max):
    """RespondActivityTaskFailed with a good token and causes in one another until it is that long."""
    headers, length = [], 0
    while length + 40 + len(token) < bytes_max:
        header = b"\x22" + varint(length)  # Failure.cause
        headers.append(header)
        length += len(header)
    body = b"".join(reversed(headers))
    request = b"\x0a" + varint(len(token)) + token + b"\x12" + varint(len(body)) + body
    return request, len(headers)


def test_a_failure_nested_a_million_deep(server, ask):
    name = unique("nested")
    task = activity_task(ask, name)
    body, depth = nested_failure(task.task_token, MESSAGE_MAX)
    assert depth > 800_000 and len(body) <= MESSAGE_MAX
    with pytest.raises(grpc.RpcError) as info:
        ask.call(WORKFLOW + "RespondActivityTaskFailed", body, timeout=60)
    assert info.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL)
    # The activity is as it was: a failure of reasonable depth is taken, and read back whole.
    failure = Failure(message="0")
    for n in range(1, 30):
        info = ApplicationFailureInfo(non_retryable=True)
        failure = Failure(message=str(n), cause=failure, application_failure_info=info)
    ask(
        RespondActivityTaskFailedRequest(
            namespace=NAMESPACE, task_token=task.task_token, failure=failure
        )
    )
    complete(ask, poll_workflow(ask, name).task_token, CLOSE)
    events = history(ask, name)
    history_checker.check(events, what=name)
    (failed,) = [e for e in events if e.HasField("activity_task_failed_event_attributes")]
    assert failed.activity_task_failed_event_attributes.failure == failure


def test_the_message_limit_to_the_byte(ask):
    def padded(size):
        head = b"\x0a\x07hostile"
        padding = size - len(head) - 6  # an unknown field fills it
        return head + b"\xfa\x7f" + varint(padding) + b"x" * padding

    fits, over = padded(MESSAGE_MAX), padded(MESSAGE_MAX + 1)
    assert (len(fits), len(over)) == (MESSAGE_MAX, MESSAGE_MAX + 1)
    with pytest.raises(grpc.RpcError) as info:
        ask.call(WORKFLOW + "DescribeWorkflowExecution", fits)
    assert info.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.RpcError) as info:
        ask.call(WORKFLOW + "DescribeWorkflowExecution", over)
    assert info.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert info.value.details() == (
        f"grpc: received message larger than max ({MESSAGE_MAX + 1} vs. {MESSAGE_MAX})"
    )


def test_gzip_bombs(server):
    """Small on the wire, large when unpacked: refused at the limit, not unpacked to the end."""
    with grpc.insecure_channel(
        server.address,
        compression=grpc.Compression.Gzip,
        options=[("grpc.max_send_message_length", 256 << 20)],
    ) as channel:
        bomb = b"\x0a\x05other" + b"\xfa\x7f" + varint(100 << 20) + b"\0" * (100 << 20)
        with pytest.raises(grpc.RpcError) as info:
            channel.unary_unary(WORKFLOW + "StartWorkflowExecution")(bomb, timeout=60)
        assert info.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


# -- mangled requests -----------------------------------------------------------------------------


def built_methods():
    """Names of the methods that the frontend serves, from its own table."""
    text = (ROOT / "frontend" / "methods.def").read_text()
    return re.findall(r"^FE_METHOD\((\w+), (\w+),", text, re.M)


def fill(message, rng, known, depth=0):
    """Give every field a plausible value; `known` has those of fields by name."""
    for field in message.DESCRIPTOR.fields:
        if field.containing_oneof and rng.random() < 0.5:
            continue
        repeated = field.is_repeated
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            if depth > 4:
                continue
            if field.message_type.GetOptions().map_entry:
                continue
            target = getattr(message, field.name)
            if repeated:
                fill(target.add(), rng, known, depth + 1)
            else:
                target.SetInParent()
                fill(target, rng, known, depth + 1)
            continue
        if not repeated and field.name in known:
            value = known[field.name]
        elif field.type == FieldDescriptor.TYPE_STRING:
            value = rng.choice(("", "a", "hostile", "é" * 20))
        elif field.type == FieldDescriptor.TYPE_BYTES:
            value = rng.randbytes(rng.randrange(20))
        elif field.type == FieldDescriptor.TYPE_BOOL:
            value = rng.random() < 0.3
        elif field.type == FieldDescriptor.TYPE_ENUM:
            value = rng.choice(field.enum_type.values).number
        elif field.type in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE):
            value = rng.random() * 1e6
        else:
            value = rng.choice((0, 1, 2, 1000))
        if repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)
    return message


def mutate(rng, body):
    out = bytearray(body)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        at = rng.randrange(len(out) + 1)
        what = rng.randrange(6)
        if what == 0 and out:
            out[at % len(out)] ^= 1 << rng.randrange(8)
        elif what == 1 and out:
            out[at % len(out)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif what == 2:
            del out[at : at + rng.randrange(1, 20)]
        elif what == 3:
            out[at:at] = rng.randbytes(rng.randrange(1, 12))
        elif what == 4:
            out[at:at] = out[at : at + rng.randrange(1, 60)]
        else:
            del out[at:]
    return bytes(out)


# Methods that can end the namespace that they name: they get one of their own.
ENDING = ("DeleteNamespace", "DeprecateNamespace", "UpdateNamespace")


def a_namespace(ask):
    name = unique("ending")
    ask(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=Duration(seconds=86400))
    )
    return name


@pytest.mark.parametrize("service,method", built_methods())
def test_mutated_requests(server, ask, rng, service, method):
    """Valid requests, and what becomes of them when bytes flip, vanish, double: a status each time."""
    package = workflowservice if service == "WorkflowService" else operatorservice
    request_type = getattr(package.v1, method + "Request")
    path = f"/{request_type.DESCRIPTOR.file.package}.{service}/{method}"
    name = unique("mutated")
    task = activity_task(ask, name)
    known = {
        "namespace": a_namespace(ask) if method in ENDING else NAMESPACE,
        "workflow_id": name,
        "run_id": task.workflow_execution.run_id,
        "task_token": task.task_token,
        "query": "WorkflowType = 'Plain'",
        "cron_schedule": "",
        "next_page_token": b"",
        "seconds": 5,
        "nanos": 0,
        "name": name,
    }
    calls, counts = [], {}

    def settle():
        for future in calls:
            try:
                future.result()
                code = grpc.StatusCode.OK
            except grpc.RpcError as error:
                code = error.code()
                more = (grpc.StatusCode.DEADLINE_EXCEEDED, MORE_REFUSALS.get(method))
                assert code in REFUSALS or code in more, (
                    code,
                    error.details(),
                    sent[calls.index(future)].hex(),
                )
            counts[code] = counts.get(code, 0) + 1
        calls.clear()
        sent.clear()

    sent = []
    with grpc.insecure_channel(server.address) as channel:
        stub = channel.unary_unary(path)
        for n in range(240):
            body = fill(request_type(), rng, known).SerializeToString()
            if n % 8:
                body = mutate(rng, body)
            sent.append(body)
            calls.append(stub.future(body, timeout=1.5))
            if len(calls) == 60:
                settle()
        settle()
    assert sum(counts.values()) == 240
    if method not in ("RegisterNamespace", "UpdateNamespace"):
        for run in ask(ListWorkflowExecutionsRequest(namespace=NAMESPACE, page_size=50)).executions:
            events = history(ask, run.execution.workflow_id, run.execution.run_id)
            history_checker.check(events, what=f"{run.execution}")


# -- tokens ---------------------------------------------------------------------------------------


def token_requests(namespace, token, kind):
    if kind == "workflow":
        yield RespondWorkflowTaskCompletedRequest(namespace=namespace, task_token=token, commands=[CLOSE])
        yield RespondWorkflowTaskFailedRequest(namespace=namespace, task_token=token)
    else:
        yield RespondActivityTaskCompletedRequest(namespace=namespace, task_token=token)
        yield RespondActivityTaskFailedRequest(namespace=namespace, task_token=token)
        yield RespondActivityTaskCanceledRequest(namespace=namespace, task_token=token)
        yield RecordActivityTaskHeartbeatRequest(namespace=namespace, task_token=token)


def rotate(value, bits):
    return (value << bits | value >> (64 - bits)) & (2**64 - 1)


def xxh64(data):
    """The digest at a token's end, so that changed ones get past it."""
    p1, p2, p3, p4, p5 = (
        0x9E3779B185EBCA87,
        0xC2B2AE3D27D4EB4F,
        0x165667B19E3779F9,
        0x85EBCA77C2B2AE63,
        0x27D4EB2F165667C5,
    )
    mask = 2**64 - 1

    def round_of(acc, lane):
        return rotate((acc + lane * p2) & mask, 31) * p1 & mask

    at, h = 0, p5
    if len(data) >= 32:
        lanes = [(p1 + p2) & mask, p2, 0, -p1 & mask]
        while at + 32 <= len(data):
            for i in range(4):
                lanes[i] = round_of(lanes[i], int.from_bytes(data[at : at + 8], "little"))
                at += 8
        h = sum(rotate(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18))) & mask
        for lane in lanes:
            h = ((h ^ round_of(0, lane)) * p1 + p4) & mask
    h = (h + len(data)) & mask
    while at + 8 <= len(data):
        h = (rotate(h ^ round_of(0, int.from_bytes(data[at : at + 8], "little")), 27) * p1 + p4) & mask
        at += 8
    if at + 4 <= len(data):
        h = (rotate(h ^ int.from_bytes(data[at : at + 4], "little") * p1 & mask, 23) * p2 + p3) & mask
        at += 4
    for byte in data[at:]:
        h = rotate(h ^ byte * p5 & mask, 11) * p1 & mask
    h = (h ^ h >> 33) * p2 & mask
    h = (h ^ h >> 29) * p3 & mask
    return h ^ h >> 32


def changed(token, old, new):
    """The token with some of its bytes exchanged, and the digest that goes with them."""
    record = token[:-8].replace(old, new)
    assert len(token) > 8 and xxh64(token[:-8]).to_bytes(8, "big") == token[-8:] and record != token[:-8]
    return record + xxh64(record).to_bytes(8, "big")


def forgeries(token, rng):
    """Every cut, every flipped bit, some noise behind it."""
    for length in range(1, len(token)):
        yield token[:length]
    for bit in range(len(token) * 8):
        flipped = bytearray(token)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)
    for _ in range(50):
        yield rng.randbytes(rng.randrange(1, 300))
    yield token + b"\0"
    yield token + token


@pytest.mark.parametrize("kind", ["workflow", "activity"])
def test_forged_task_tokens(server, ask, rng, kind):
    """No forgery does anything; the true token still does."""
    name = unique("forged")
    if kind == "workflow":
        start(ask, name)
        token = poll_workflow(ask, name).task_token
    else:
        token = activity_task(ask, name).task_token
    before = len(history(ask, name))
    accepted = []
    with grpc.insecure_channel(server.address) as channel:
        pending = []
        for forged in forgeries(token, rng):
            request = rng.choice(list(token_requests(NAMESPACE, forged, kind)))
            method = type(request).__name__.removesuffix("Request")
            stub = channel.unary_unary(WORKFLOW + method)
            pending.append((forged, method, stub.future(request.SerializeToString(), timeout=20)))
        for forged, method, future in pending:
            try:
                future.result()
                accepted.append((method, [(i, a, b) for i, (a, b) in enumerate(zip(token, forged)) if a != b]))
            except grpc.RpcError as error:
                assert error.code() in REFUSALS, (method, forged.hex(), error.code(), error.details())
    assert not accepted
    assert len(history(ask, name)) == before
    if kind == "activity":
        ask(RespondActivityTaskCompletedRequest(namespace=NAMESPACE, task_token=token))
        token = poll_workflow(ask, name).task_token
    complete(ask, token, CLOSE)
    history_checker.check(history(ask, name), what=name)


def test_foreign_task_tokens(ask):
    """Tokens of another namespace, of an earlier run, of another kind, of a closed run, used twice."""
    first, other = unique("first"), unique("other")
    here = activity_task(ask, first)
    there = activity_task(ask, other, NAMESPACE + "-other")
    refused = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)
    for request in token_requests(NAMESPACE, there.task_token, "activity"):
        with pytest.raises(grpc.RpcError) as info:
            ask(request)
        assert info.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert info.value.details() == "Operation requested with a token from a different namespace."
    # The namespace's id exchanged inside the token: there is no such run there.
    ids = [
        ask(DescribeNamespaceRequest(namespace=name)).namespace_info.id.encode()
        for name in (NAMESPACE, NAMESPACE + "-other")
    ]
    swapped = changed(here.task_token, *ids)
    for request in token_requests(NAMESPACE + "-other", swapped, "activity"):
        assert ask.code(request) in refused
    # A token without an event names the activity by its id alone: that is for the ById methods.
    for request in token_requests(NAMESPACE, changed(here.task_token, b"\x07\x05", b"\x07\x00"), "activity"):
        assert ask.code(request) in refused
    # An activity's token is not a workflow task's, nor the other way round.
    for request in token_requests(NAMESPACE, here.task_token, "workflow"):
        assert ask.code(request) in refused
    # Two runs of one workflow id: the token names its run.
    terminate(ask, first)
    again = activity_task(ask, first)
    for request in token_requests(NAMESPACE, here.task_token, "activity"):
        assert ask.code(request) == grpc.StatusCode.NOT_FOUND
    old_run = here.workflow_execution.run_id.encode()
    new_run = again.workflow_execution.run_id.encode()
    for request in token_requests(NAMESPACE, changed(here.task_token, old_run, new_run), "activity"):
        assert ask.code(request) == grpc.StatusCode.NOT_FOUND  # another start of it
    ask(RespondActivityTaskCompletedRequest(namespace=NAMESPACE, task_token=again.task_token))
    complete(ask, poll_workflow(ask, first).task_token, CLOSE)
    history_checker.check(history(ask, first), what=first)
    terminate(ask, other, NAMESPACE + "-other")


def test_forged_page_tokens(server, ask, rng):
    name = unique("paged")
    for n in range(5):
        start(ask, f"{name}-{n}")
    requests = [
        GetWorkflowExecutionHistoryRequest(
            namespace=NAMESPACE, execution=WorkflowExecution(workflow_id=f"{name}-0"), maximum_page_size=1
        ),
        ListWorkflowExecutionsRequest(namespace=NAMESPACE, page_size=1),
        ListNamespacesRequest(page_size=1),
    ]
    for request in requests:
        token = ask(request).next_page_token
        assert token
        with grpc.insecure_channel(server.address) as channel:
            method = type(request).__name__.removesuffix("Request")
            stub = channel.unary_unary(WORKFLOW + method)
            pending = []
            for forged in forgeries(token, rng):
                request.next_page_token = forged
                pending.append(stub.future(request.SerializeToString(), timeout=20))
            for future in pending:
                try:
                    future.result()  # a token may name another place that exists
                except grpc.RpcError as error:
                    assert error.code() in REFUSALS, (method, error.code(), error.details())
        request.next_page_token = token
        ask(request)
    # A token of one run with the name of another.
    request = requests[0]
    token = request.next_page_token
    request.execution.workflow_id = f"{name}-1"
    assert ask.code(request) in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
    request.execution.workflow_id = f"{name}-0"
    request.namespace = NAMESPACE + "-other"
    request.next_page_token = token
    assert ask.code(request) in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
    for n in range(5):
        terminate(ask, f"{name}-{n}")


# -- polls ----------------------------------------------------------------------------------------


def test_a_thousand_polls_cancelled_at_once(server, ask):
    """None stays in matching, and the task of a start right after goes to a living worker."""
    if not server.own:
        pytest.skip("reads its own server's metrics")
    name = unique("cancelled")
    body = PollWorkflowTaskQueueRequest(
        namespace=NAMESPACE, task_queue=TaskQueue(name=name)
    ).SerializeToString()
    with grpc.insecure_channel(server.address) as channel:
        stub = channel.unary_unary(WORKFLOW + "PollWorkflowTaskQueue")
        for wait in (True, False):  # once they are held, and while they are on their way
            calls = [stub.future(body, timeout=60) for _ in range(1000)]
            if wait:
                wait_until(lambda: held_polls(server) >= 1000, 30, "a thousand polls are held")
            for call in calls:
                call.cancel()
            # Behind the cancellations, on the same connection and through matching: they are done.
            channel.unary_unary(WORKFLOW + "DescribeTaskQueue")(
                DescribeTaskQueueRequest(
                    namespace=NAMESPACE, task_queue=TaskQueue(name=name)
                ).SerializeToString(),
                timeout=20,
            )
            assert held_polls(server) == 0
            before = time.monotonic()
            start(ask, f"{name}-{wait}", queue=name)
            task = poll_workflow(ask, name)
            assert task.workflow_execution.workflow_id == f"{name}-{wait}"
            assert task.attempt == 1
            assert time.monotonic() - before < PROMPT_S
            complete(ask, task.task_token, CLOSE)


@pytest.mark.parametrize("how", ["end", "reset", "goaway"])
def test_a_client_that_disappears_frees_its_polls(server, ask, how):
    if not server.own:
        pytest.skip("reads its own server's metrics")
    name = unique("gone")
    body = PollActivityTaskQueueRequest(
        namespace=NAMESPACE, task_queue=TaskQueue(name=name)
    ).SerializeToString()
    peer = h2.Peer(server.address)
    for stream in range(1, 201, 2):
        assert peer.call(stream, WORKFLOW + "PollActivityTaskQueue", body, DEADLINE)
    wait_until(lambda: held_polls(server) >= 100, 20, "a hundred polls are held")
    if how == "reset":
        peer.reset_connection()
    else:
        if how == "goaway":
            peer.send(h2.frame(h2.GOAWAY, 0, 0, b"\0" * 8))
        peer.socket.close()
    wait_until(lambda: held_polls(server) == 0, 10, "they are released")
    before = time.monotonic()
    task = activity_task(ask, name)
    assert task.activity_id == "1" and task.attempt == 1
    assert time.monotonic() - before < PROMPT_S
    terminate(ask, name)


def test_two_thousand_held_polls(server, ask):
    """What a held poll costs, both processes together; a task still finds its way at once."""
    if not server.own:
        pytest.skip("looks at its own server's memory")
    name = unique("held")
    before = resident_bytes(server, "frontend", "matching")
    body = PollWorkflowTaskQueueRequest(
        namespace=NAMESPACE, task_queue=TaskQueue(name=name), identity="a worker's identity@host"
    ).SerializeToString()
    peers = [h2.Peer(server.address) for _ in range(20)]
    try:
        for peer in peers:
            for stream in range(1, 201, 2):
                assert peer.call(stream, WORKFLOW + "PollWorkflowTaskQueue", body, DEADLINE)
        wait_until(lambda: held_polls(server) >= 2000, 30, "two thousand polls are held")
        each = (resident_bytes(server, "frontend", "matching") - before) / 2000
        print(f"a held poll: {each:.0f} bytes")
        assert is_sanitized() or each < 15 * 1024
        serves(ask)
        start(ask, name)
        wait_until(
            lambda: "WorkflowTaskStarted" in history_checker.types_of(history(ask, name)), 5, "it starts"
        )
    finally:
        for peer in peers:
            peer.reset_connection()
    terminate(ask, name)


# -- the mesh -------------------------------------------------------------------------------------

PUSH_HELLO = b"\0SP\0\0\x50\0\0"  # of nng's ipc transport: the protocol's version, and PUSH
PULL_HELLO = b"\0SP\0\0\x51\0\0"


def mesh_sockets(server):
    folder = server.environment["GNOMON_RUN_DIR"]
    return [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".sock")]


def connect_mesh(path, hello=PUSH_HELLO):
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(5)
    peer.connect(path)
    peer.sendall(hello)
    return peer


def ipc_message(body, length=None):
    return b"\1" + (len(body) if length is None else length).to_bytes(8, "big") + body


def mesh_header(process, role, number):
    """As common/mesh/envelope.c writes it."""
    return (
        b"\x85\1\1\2\xcf" + process.to_bytes(8, "big") + b"\3" + bytes([role])
        + b"\4\xcf" + number.to_bytes(8, "big") + b"\5\xcf" + bytes(8)
    )


def mesh_members(server):
    """Role and process id of each member, from the names of its files."""
    for path in mesh_sockets(server):
        role, process = os.path.basename(path).removesuffix(".sock").split("-")
        yield int(role), int(process, 16)


def envelope(kind, shard, method, body):
    return (
        b"\x85\1" + bytes([kind]) + b"\2\xcf" + (7).to_bytes(8, "big") + b"\4\xce" + shard.to_bytes(4, "big")
        + b"\3\xce" + method.to_bytes(4, "big") + b"\x0b\xc6" + len(body).to_bytes(4, "big") + body
    )


def say(path, *messages):
    """Sends what it can, until the other side closes. An inbox that was left deaf listens anew
    within a second or two: the connection then breaks, and is made again."""
    deadline = time.monotonic() + 30
    while True:
        try:
            if said(path, messages) or time.monotonic() > deadline:
                break
        except TimeoutError:
            assert time.monotonic() < deadline, f"nobody listens at {path}"
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(0.02)


def said(path, messages):
    peer = connect_mesh(path)
    try:
        if peer.recv(8) != PULL_HELLO:
            return False
        for message in messages:
            peer.sendall(message)
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b""
        return True
    except (BrokenPipeError, ConnectionResetError):
        return True
    finally:
        peer.close()


def is_serving(ask):
    try:
        serves(ask)
    except grpc.RpcError:
        return False
    return True


def test_rubbish_on_the_mesh(server, ask, rng):
    """Raw bytes, then messages of strangers, then cut and forged ones under the names of members."""
    if not server.own:
        pytest.skip("needs the sockets of its own server")
    services = ("frontend", "history", "matching", "timers")
    before = {s: metric(server, s, "gnomon_mesh_malformed") for s in services}
    sockets = mesh_sockets(server)
    assert len(sockets) == 4
    log_from = server.log_size()
    for path in sockets:
        for _ in range(40):
            peer = connect_mesh(path, rng.randbytes(rng.choice((1, 7, 8, 9, 1000))))
            peer.close()
        idle = connect_mesh(path)  # a message that never comes to its end
        idle.sendall(ipc_message(b"x" * 100, length=1 << 20))
        say(path, ipc_message(b"", length=2**63))
        say(path, ipc_message(b"", length=1 << 40))
        say(path, *[ipc_message(rng.randbytes(rng.randrange(400))) for _ in range(200)])
        say(path, ipc_message(mesh_header(rng.getrandbits(63) | 1, 1, 1) + rng.randbytes(50)))
        serves(ask)
        idle.close()
    for service in services:
        assert metric(server, service, "gnomon_mesh_malformed") > before[service]
    log = server.log_since(log_from)
    for service in services:
        assert re.search(rf"level=error service={service} msg=.rubbish on the mesh", log)

    # As if members had said it: peer resets, after which everything goes on.
    for role, process in mesh_members(server):
        for path in sockets:
            if f"{process:016x}" in path:
                continue
            bodies = [
                envelope(rng.randrange(9), rng.randrange(5), rng.randrange(90), rng.randbytes(rng.randrange(90)))
                for _ in range(100)
            ]
            messages = []
            for n, body in enumerate(bodies):
                cut = rng.randrange(len(body)) if n % 3 == 0 else len(body)
                messages.append(ipc_message(mesh_header(process, role, 2**62 + n) + body[:cut]))
            say(path, *messages)
    wait_until(lambda: is_serving(ask), 30, "served again")
    for _ in range(5):
        serves(ask)
