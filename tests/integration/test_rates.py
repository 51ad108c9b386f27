"""test_rates.py - rates and counts of requests: who is refused, with what, and that the file changes them."""

import threading
import time

import pytest
from temporalio.api.enums.v1 import ResourceExhaustedCause, ResourceExhaustedScope
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    GetSystemInfoRequest,
    ListWorkflowExecutionsRequest,
    PollWorkflowTaskQueueRequest,
)

from harness import wait_until
from limits import Limited, Refused, refused

import grpc


@pytest.fixture(scope="module")
def limited():
    limited = Limited()
    yield limited
    limited.stop()


def until_refused(call, most):
    for n in range(most):
        try:
            call()
        except grpc.RpcError as error:
            return n, Refused(error)
    raise AssertionError(f"{most} calls, and none was refused")


def test_a_namespace_is_held_to_its_rate(limited):
    space = limited.namespace(frontend__namespaceRPS=1, frontend__namespaceBurstRatio=5)
    granted, why = until_refused(space.start, 100)
    assert 5 <= granted <= 30, granted
    assert why.code == "RESOURCE_EXHAUSTED" and why.text == "namespace rate limit exceeded"
    assert why.exhausted.cause == ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT
    assert why.exhausted.scope == ResourceExhaustedScope.RESOURCE_EXHAUSTED_SCOPE_NAMESPACE
    assert why.headers["x-resource-exhausted-cause"] == "RpsLimit"
    assert why.headers["x-resource-exhausted-scope"] == "Namespace"
    # another namespace is not concerned, nor is what has none
    limited.namespace().start()
    limited.stub.GetSystemInfo(GetSystemInfoRequest(), timeout=10)


def test_lists_have_a_rate_of_their_own(limited):
    space = limited.namespace(**{"frontend__namespaceRPS__visibility": 3})

    def list_all():
        space.call("ListWorkflowExecutions", ListWorkflowExecutionsRequest(namespace=space.name))

    granted, why = until_refused(list_all, 100)
    assert 3 <= granted <= 60, granted
    assert why.text == "namespace rate limit exceeded"
    space.start()


def test_the_process_is_held_to_its_rate_and_the_file_lifts_it(limited):
    space = limited.namespace()
    limited.apply({**limited.entries, "frontend.rps": 1})
    try:
        granted, why = until_refused(space.start, 100)
        assert why.text == "service rate limit exceeded"
        assert why.exhausted.scope == ResourceExhaustedScope.RESOURCE_EXHAUSTED_SCOPE_SYSTEM
        assert why.headers["x-resource-exhausted-scope"] == "System"
    finally:
        limited.apply(limited.entries)
    for _ in range(50):
        space.start()


def test_long_polls_are_counted_for_each_method(limited):
    space = limited.namespace(frontend__namespaceCount=2)
    request = PollWorkflowTaskQueueRequest(namespace=space.name, task_queue=TaskQueue(name="q"), identity="i")
    held = [space.stub.PollWorkflowTaskQueue.future(request, timeout=60) for _ in range(2)]

    def too_many():
        try:
            space.call("PollWorkflowTaskQueue", request, timeout=3)
        except grpc.RpcError as error:
            return Refused(error) if error.code().name == "RESOURCE_EXHAUSTED" else None

    why = wait_until(too_many, 20, "the third poll is refused")
    assert why.text == "namespace concurrent poller limit exceeded"
    assert why.exhausted.cause == ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT
    # one goes: there is room for another
    held[0].cancel()
    task = threading.Thread(target=space.start)
    task.start()

    def answered():
        try:
            return space.call("PollWorkflowTaskQueue", request, timeout=5).task_token or held[1].done()
        except grpc.RpcError as error:
            assert error.code().name in ("RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"), error
            return held[1].done()

    assert wait_until(answered, 30, "a poll is answered again")
    task.join()
    held[1].cancel()


def poll_of(space):
    return PollWorkflowTaskQueueRequest(namespace=space.name, task_queue=TaskQueue(name="q"), identity="i")


def refused_polls(space, seconds):
    """What those of many polls at once that are refused are told; the others are given up."""
    polls = [space.stub.PollWorkflowTaskQueue.future(poll_of(space), timeout=seconds) for _ in range(12)]
    wait_until(lambda: any(poll.done() for poll in polls), seconds, "one is refused")
    texts = {poll.details() for poll in polls if poll.done()}
    for poll in polls:
        poll.cancel()
    return texts


def test_polls_wait_for_the_rate_of_their_namespace(limited):
    rate = {"frontend__namespaceRPS": 1, "frontend__namespaceBurstRatio": 2}
    space = limited.namespace(system__pollWaitForNamespaceRateLimitToken=True, **rate)
    began = time.monotonic()
    # Each is answered: empty, when its own time is nearly over, as one that was never kept waiting.
    polls = [space.stub.PollWorkflowTaskQueue.future(poll_of(space), timeout=18) for _ in range(6)]
    assert [poll.result().task_token for poll in polls] == [b""] * 6
    assert time.monotonic() - began > 4, "the last of them has waited for its turn"
    # What would have to wait for longer than its own time allows is refused at once.
    assert refused_polls(space, seconds=9) == {"namespace rate limit exceeded"}
    # So it is where the key does not say that they wait.
    assert refused_polls(limited.namespace(**rate), seconds=18) == {"namespace rate limit exceeded"}


def test_describe_namespace_tells_its_limits(limited):
    space = limited.namespace(limit__blobSize__error=4321, limit__memoSize__error=1234)
    answer = space.call("DescribeNamespace", DescribeNamespaceRequest(namespace=space.name))
    assert answer.namespace_info.limits.blob_size_limit_error == 4321
    assert answer.namespace_info.limits.memo_size_limit_error == 1234
    assert refused(space.start, memo={"fields": {"m": {"data": b"x" * 2000}}}).code == "INVALID_ARGUMENT"
