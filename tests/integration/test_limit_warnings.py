"""test_limit_warnings.py - what operators are told before a limit is met: a line in the log, seldom; and what workers
are told, to continue as new."""

import pytest
from temporalio.api.common.v1 import Memo, Payload, WorkflowExecution
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest

from harness import unique, wait_until
from limits import Limited, payloads

BLOB = "Blob data size exceeds the warning limit."
WORKFLOW = "workflow exceeds a warn limit"


@pytest.fixture(scope="module")
def limited():
    limited = Limited()
    yield limited
    limited.stop()


def start_with_input(space, size):
    space.start(input=payloads(size))


def start_with_memo(space, size):
    space.start(memo=Memo(fields={"m": Payload(data=b"x" * size)}))


def signal(space, workflow_id, size):
    space.call(
        "SignalWorkflowExecution",
        SignalWorkflowExecutionRequest(
            namespace=space.name,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            signal_name="s",
            input=payloads(size),
        ),
    )


def signal_twice(space, size):
    workflow_id = unique("w")
    space.start(workflow_id)
    for _ in range(2):
        signal(space, workflow_id, size)


def told(limited, space, message, what, act):
    """Is a warning of it logged? Again and again: there is one a second."""
    before = limited.cluster.log_size()

    def is_told():
        act()
        return [
            line
            for line in limited.cluster.log_since(before).splitlines()
            if message in line and what in line and space.name in line
        ]

    wait_until(is_told, 10, f"a warning of the {what}")


@pytest.mark.parametrize(
    "key, value, message, what, act",
    [
        ("limit.blobSize.warn", 500, BLOB, "payload", start_with_input),
        ("limit.memoSize.warn", 500, BLOB, "memo", start_with_memo),
        ("limit.historySize.warn", 2000, WORKFLOW, "history size", signal_twice),
        ("limit.historyCount.warn", 3, WORKFLOW, "history count", signal_twice),
    ],
)
def test_a_warning_comes_before_the_limit(limited, key, value, message, what, act):
    space = limited.namespace(**{key.replace(".", "__"): value})
    told(limited, space, message, what, lambda: act(space, 1000))


def test_a_warning_of_the_state(limited):
    space = limited.namespace()
    limited.apply({"limit.mutableStateSize.warn": 100})  # of all namespaces
    told(limited, space, WORKFLOW, "mutable state size", lambda: signal_twice(space, 1))
    limited.apply(limited.entries)


def test_workers_are_told_to_continue_as_new_by_size_too(limited):
    space = limited.namespace(limit__historySize__suggestContinueAsNew=3000)
    workflow_id = unique("w")
    space.start(workflow_id)
    space.complete(space.poll())
    for size, suggested in ((10, False), (4000, True)):
        signal(space, workflow_id, size)
        task = space.poll()
        started = task.history.events[-1].workflow_task_started_event_attributes
        assert started.suggest_continue_as_new is suggested
        space.complete(task)
