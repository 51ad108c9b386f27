"""test_connections.py - how long the frontend keeps a connection, and which pings it bears: frontend.keepAlive*."""

import time

import pytest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollWorkflowTaskQueueRequest

import harness
import raw_http2 as h2

POLL = "/temporal.api.workflowservice.v1.WorkflowService/PollWorkflowTaskQueue"


@pytest.fixture(scope="module")
def cluster():
    settings = {
        "frontend.keepAliveMaxConnectionAge": "1s",
        "frontend.keepAliveMaxConnectionAgeGrace": "500ms",
        "frontend.keepAliveMaxConnectionIdle": "300ms",
    }
    cluster = harness.Cluster(dynamic=settings)
    yield cluster
    cluster.stop()


def until_closed(peer):
    """What the server says of the end, and when it closed."""
    goaways = []
    for kind, flags, _, payload in peer.frames(seconds=10):
        if kind == h2.GOAWAY:
            goaways.append((int.from_bytes(payload[4:8], "big"), payload[8:]))
        if kind == h2.PING and not flags & h2.ACK:
            peer.send(h2.frame(h2.PING, h2.ACK, 0, payload))
    return goaways


def test_a_connection_without_calls_is_let_go(cluster):
    began = time.monotonic()
    with h2.Peer(cluster.address) as peer:
        assert (0, b"") in until_closed(peer)
    assert 0.3 <= time.monotonic() - began < 5


def test_an_old_connection_is_let_go_and_its_calls_after_a_grace(cluster):
    began = time.monotonic()
    poll = PollWorkflowTaskQueueRequest(namespace="default", task_queue=TaskQueue(name=harness.unique("q")))
    with h2.Peer(cluster.address) as peer:
        peer.call(1, POLL, poll.SerializeToString(), [(b"grpc-timeout", b"60S")])
        assert (0, b"") in until_closed(peer)
    assert 0.9 + 0.5 <= time.monotonic() - began < 8


def test_a_client_that_pings_too_often_is_sent_away(cluster):
    with h2.Peer(cluster.address) as peer:
        for _ in range(4):
            peer.send(h2.frame(h2.PING, 0, 0, b"12345678"))
        assert (11, b"too_many_pings") in until_closed(peer)
