"""test_bad_binaries.py - a namespace calls a worker's binary bad: the runs that it went on with are reset to before it came,
with their next step, and go on with another worker."""

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import EventType, WorkflowExecutionStatus
from temporalio.api.namespace.v1 import BadBinaries, BadBinaryInfo, NamespaceConfig
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryRequest,
    ListWorkflowExecutionsRequest,
    PollWorkflowTaskQueueRequest,
    RegisterNamespaceRequest,
    RespondWorkflowTaskCompletedRequest,
    SignalWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
    UpdateNamespaceRequest,
)

from harness import raw_channel, unique, wait_until
from test_hostile import CLOSE, Asker

RUNS = 120  # more than a shard resets at a time
COMPLETED = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED
TYPE = EventType


@pytest.fixture
def ask(session):
    with raw_channel(session.server.address) as call:
        yield Asker(call)


@pytest.fixture
def name(ask):
    name = unique("bad-binaries")
    ask(RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=Duration(seconds=86400)))
    return name


def begin(ask, name, workflow_id, queue):
    ask(
        StartWorkflowExecutionRequest(
            namespace=name,
            workflow_id=workflow_id,
            workflow_type=WorkflowType(name="Any"),
            task_queue=TaskQueue(name=queue),
            request_id=unique("r"),
        )
    )


def poll(ask, name, queue, checksum=""):
    task = ask(
        PollWorkflowTaskQueueRequest(
            namespace=name, task_queue=TaskQueue(name=queue), identity="w", binary_checksum=checksum
        ),
        30,
    )
    assert task.task_token
    return task


def complete(ask, name, queue, checksum, *commands):
    task = poll(ask, name, queue, checksum)
    ask(
        RespondWorkflowTaskCompletedRequest(
            namespace=name,
            task_token=task.task_token,
            identity="w",
            binary_checksum=checksum,
            commands=commands,
        )
    )
    return task


def signal(ask, name, workflow_id, what="s"):
    ask(
        SignalWorkflowExecutionRequest(
            namespace=name,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            signal_name=what,
            request_id=unique("r"),
        )
    )


def mark(ask, name, *checksums):
    bad = BadBinaries(binaries={checksum: BadBinaryInfo(reason="crashes") for checksum in checksums})
    ask(UpdateNamespaceRequest(namespace=name, config=NamespaceConfig(bad_binaries=bad)))


def described(ask, name, workflow_id, run_id=""):
    execution = WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
    return ask(
        DescribeWorkflowExecutionRequest(namespace=name, execution=execution)
    ).workflow_execution_info


def current(ask, name, workflow_id):
    return described(ask, name, workflow_id).execution.run_id


def events(ask, name, workflow_id, run_id=""):
    execution = WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
    return ask(GetWorkflowExecutionHistoryRequest(namespace=name, execution=execution)).history.events


def test_the_next_step_resets_the_run_to_before_the_binary(ask, name):
    workflow_id = queue = unique("w")
    begin(ask, name, workflow_id, queue)
    complete(ask, name, queue, "good")
    signal(ask, name, workflow_id, "one")
    complete(ask, name, queue, "bad")
    base = current(ask, name, workflow_id)
    mark(ask, name, "bad")
    signal(ask, name, workflow_id, "two")
    wait_until(lambda: current(ask, name, workflow_id) != base, 20, "the reset")

    last = events(ask, name, workflow_id, base)[-1]
    assert last.event_type == TYPE.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED
    assert last.workflow_execution_terminated_event_attributes.reason == "crashes"
    task = complete(ask, name, queue, "good", CLOSE)
    signals = [
        event.workflow_execution_signaled_event_attributes.signal_name
        for event in task.history.events
        if event.event_type == TYPE.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    ]
    assert signals == ["one", "two"]
    assert [
        event.workflow_task_failed_event_attributes.failure.message
        for event in task.history.events
        if event.event_type == TYPE.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ] == ["crashes"]
    assert described(ask, name, workflow_id).status == COMPLETED


def test_many_runs_are_reset_however_many_at_once(ask, name):
    ids = [unique("w") for _ in range(RUNS)]
    for workflow_id in ids:
        begin(ask, name, workflow_id, "many")
    for workflow_id in ids:
        complete(ask, name, "many", "bad")
    mark(ask, name, "bad")
    for workflow_id in ids:
        signal(ask, name, workflow_id)

    def ended():
        found = ask(
            ListWorkflowExecutionsRequest(
                namespace=name, query="ExecutionStatus = 'Terminated'", page_size=1000
            )
        )
        return len(found.executions) == RUNS

    wait_until(ended, 30, "the resets")
    for workflow_id in ids:
        assert len(events(ask, name, workflow_id)) == 6  # the first task failed, a signal, another task
