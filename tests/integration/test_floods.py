"""test_floods.py - polls and answers of workers that misbehave: counted, refused, and nothing is lost."""

import time

import grpc
import pytest

import raw_http2 as h2
from google.protobuf.duration_pb2 import Duration
from harness import raw_channel, unique, wait_until
from history_checker import types_of
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    PollActivityTaskQueueRequest,
    PollWorkflowTaskQueueRequest,
    RespondWorkflowTaskCompletedRequest,
    RespondWorkflowTaskFailedRequest,
)
from test_hostile import (
    CLOSE,
    DEADLINE,
    NAMESPACE,
    WORKFLOW,
    Asker,
    complete,
    held_polls,
    history,
    metric,
    namespaces,  # noqa: F401 - the fixture that registers them
    poll_workflow,
    start,
)

OTHER = NAMESPACE + "-other"


@pytest.fixture
def ask(server):
    if not server.own:
        pytest.skip("reads its own server's metrics")
    with raw_channel(server.address) as call:
        yield Asker(call)


class Rise:
    """By how much a metric grew since."""

    def __init__(self, server, service, name):
        self.read = lambda: metric(server, service, name)
        self.before = self.read()

    def __call__(self):
        return self.read() - self.before


def test_thousands_of_polls_cancelled_while_their_tasks_come(server, ask):
    count, peers_count = 200, 6
    queue = unique("flood")
    canceled = Rise(server, "matching", "gnomon_matching_polls_canceled")
    peers = [h2.Peer(server.address) for _ in range(peers_count)]
    bodies = [
        kind(namespace=NAMESPACE, task_queue=TaskQueue(name=queue)).SerializeToString()
        for kind in (PollWorkflowTaskQueueRequest, PollActivityTaskQueueRequest)
    ]
    methods = ("PollWorkflowTaskQueue", "PollActivityTaskQueue")
    streams = range(1, 1601, 2)  # 800 a connection
    for peer in peers:
        for stream in streams:
            which = stream // 2 % 2
            assert peer.call(stream, WORKFLOW + methods[which], bodies[which], DEADLINE)
    wait_until(lambda: held_polls(server) >= peers_count * len(streams), 30, "all polls are held")
    names = [f"{queue}-{n}" for n in range(count)]
    for n, name in enumerate(names):
        start(ask, name, queue=queue, workflow_task_timeout=Duration(seconds=2))
        if n % (count // peers_count) == 10 and peers:  # some by their streams, some with all they have
            peer = peers.pop()
            if n % 20:
                peer.send(b"".join(h2.frame(h2.RST_STREAM, 0, s, b"\0\0\0\x08") for s in streams))
            peer.reset_connection()
    wait_until(lambda: held_polls(server) == 0, 20, "none is held")
    assert canceled() > peers_count * len(streams) - 2 * count
    # What a connection had taken before it was lost is left to its time-out: a second attempt.
    done = {}
    while len(done) < count:
        task = poll_workflow(ask, queue)
        complete(ask, task.task_token, CLOSE)
        done[task.workflow_execution.workflow_id] = task.attempt
    assert set(done) == set(names)
    for name in names[::17]:
        assert types_of(history(ask, name))[-1] == "WorkflowExecutionCompleted"


def test_a_poll_of_another_namespace(server, ask):
    """A task queue belongs to its namespace: one of the same name elsewhere is another."""
    name = unique("queue")
    start(ask, name)
    before = time.monotonic()
    foreign = PollWorkflowTaskQueueRequest(namespace=OTHER, task_queue=TaskQueue(name=name))
    assert ask.code(foreign, timeout=3) in (grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED)
    assert time.monotonic() - before < 10
    nowhere = PollWorkflowTaskQueueRequest(namespace=unique("nowhere"), task_queue=TaskQueue(name=name))
    errors = Rise(server, "frontend", "service_errors")
    assert ask.code(nowhere) == grpc.StatusCode.NOT_FOUND
    assert errors() >= 1
    task = poll_workflow(ask, name)
    assert task.workflow_execution.workflow_id == name and task.attempt == 1
    complete(ask, task.task_token, CLOSE)


def test_bad_tokens_are_counted(server, ask):
    name = unique("token")
    start(ask, name)
    task = poll_workflow(ask, name)
    refused = Rise(server, "frontend", "gnomon_frontend_tokens_refused")
    answer = RespondWorkflowTaskCompletedRequest(namespace=NAMESPACE, commands=[CLOSE])
    answer.task_token = task.task_token[:-1] + bytes([task.task_token[-1] ^ 1])  # forged
    assert ask.code(answer) == grpc.StatusCode.INVALID_ARGUMENT
    assert refused() == 1
    answer.task_token = task.task_token
    answer.namespace = OTHER  # foreign
    assert ask.code(answer) == grpc.StatusCode.INVALID_ARGUMENT
    assert refused() == 2
    answer.namespace = NAMESPACE
    assert ask.code(answer) == grpc.StatusCode.OK
    repeated = Rise(server, "history", "gnomon_history_answers_repeated")
    assert ask.code(answer) == grpc.StatusCode.OK  # repeated
    assert repeated() == 1
    assert types_of(history(ask, name)).count("WorkflowExecutionCompleted") == 1
    stale = Rise(server, "history", "gnomon_history_answers_stale")
    start(ask, name)
    again = poll_workflow(ask, name)
    complete(ask, again.task_token)
    late = RespondWorkflowTaskFailedRequest(namespace=NAMESPACE, task_token=again.task_token)
    assert ask.code(late) == grpc.StatusCode.NOT_FOUND  # stale
    assert stale() == 1
