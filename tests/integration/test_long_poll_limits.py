"""test_long_poll_limits.py - how long calls are held that wait for something: at the limit, not before it."""

import time

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    PollActivityTaskQueueRequest,
    PollWorkflowTaskQueueRequest,
)

from harness import unique
from limits import Limited

HELD_S = 0.7
SLACK_S = 0.05  # clocks of two processes, one of them in whole milliseconds


@pytest.fixture(scope="module")
def limited():
    limited = Limited()
    yield limited
    limited.stop()


def timed(call, *arguments):
    before = time.monotonic()
    return call(*arguments, 30), time.monotonic() - before


@pytest.mark.parametrize(
    "method, kind",
    [
        ("PollWorkflowTaskQueue", PollWorkflowTaskQueueRequest),
        ("PollActivityTaskQueue", PollActivityTaskQueueRequest),
    ],
)
def test_a_poll_is_held_for_matchings_interval(limited, method, kind):
    space = limited.namespace(matching__longPollExpirationInterval=f"{HELD_S}s")
    request = kind(namespace=space.name, task_queue=TaskQueue(name=unique("q")), identity="i")
    answer, took = timed(space.call, method, request)
    assert not answer.task_token
    assert HELD_S - SLACK_S <= took < 20


def test_a_poll_that_a_task_meets_is_answered_before(limited):
    space = limited.namespace(matching__longPollExpirationInterval="25s")
    space.start()
    request = PollWorkflowTaskQueueRequest(namespace=space.name, task_queue=TaskQueue(name=space.queue), identity="i")
    answer, took = timed(space.call, "PollWorkflowTaskQueue", request)
    assert answer.task_token and took < 20


def test_a_wait_for_events_is_held_for_historys_interval(limited):
    space = limited.namespace(history__longPollExpirationInterval=f"{HELD_S}s")
    workflow_id = unique("w")
    space.start(workflow_id)
    request = GetWorkflowExecutionHistoryRequest(
        namespace=space.name, execution=WorkflowExecution(workflow_id=workflow_id), wait_new_event=True
    )
    first, _ = timed(space.call, "GetWorkflowExecutionHistory", request)
    assert len(first.history.events) == 2
    request.next_page_token = first.next_page_token
    answer, took = timed(space.call, "GetWorkflowExecutionHistory", request)
    assert not answer.history.events and answer.next_page_token
    assert HELD_S - SLACK_S <= took < 20
