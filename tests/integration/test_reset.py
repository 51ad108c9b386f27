"""test_reset.py - ResetWorkflowExecution: to any workflow task, of open and closed runs, with what comes
again, and what is left when runs that share their history are deleted."""

import grpc
import pytest
from temporalio.api.command.v1 import (
    Command,
    ContinueAsNewWorkflowExecutionCommandAttributes,
    StartTimerCommandAttributes,
)
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import (
    CommandType,
    ResetReapplyExcludeType,
    ResetReapplyType,
    WorkflowExecutionStatus,
    WorkflowTaskFailedCause,
)
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import PostResetOperation
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryReverseRequest,
    PollActivityTaskQueueRequest,
    ResetWorkflowExecutionRequest,
    RespondActivityTaskCompletedRequest,
    SignalWorkflowExecutionRequest,
)

from harness import unique, wait_until
from history_checker import types_of
from test_hostile import (  # noqa: F401
    CLOSE,
    NAMESPACE,
    activity_command,
    ask,
    complete,
    namespaces,
    poll_workflow,
    start,
)
from google.protobuf.duration_pb2 import Duration

TASK = ["WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskCompleted"]
FAILED = ["WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskFailed"]
STARTED = "WorkflowExecutionStarted"
SIGNALED = "WorkflowExecutionSignaled"
TERMINATED = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED
RUNNING = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING


def execution(name, run_id=""):
    return WorkflowExecution(workflow_id=name, run_id=run_id)


def reset(ask, name, event_id, run_id="", request_id=None, **more):
    return ask(
        ResetWorkflowExecutionRequest(
            namespace=NAMESPACE,
            workflow_execution=execution(name, run_id),
            reason="again",
            workflow_task_finish_event_id=event_id,
            request_id=request_id or unique("reset"),
            **more,
        )
    ).run_id


def refused(ask, name, event_id, **more):
    with pytest.raises(grpc.RpcError) as told:
        reset(ask, name, event_id, **more)
    return told.value.code(), told.value.details()


def events_of(ask, name, run_id="", page_size=0):
    request = GetWorkflowExecutionHistoryRequest(
        namespace=NAMESPACE, execution=execution(name, run_id), maximum_page_size=page_size
    )
    events = []
    while True:
        page = ask(request)
        events += page.history.events
        if not page.next_page_token:
            assert [e.event_id for e in events] == list(range(1, len(events) + 1))
            return events
        request.next_page_token = page.next_page_token


def reversed_of(ask, name, run_id, page_size):
    request = GetWorkflowExecutionHistoryReverseRequest(
        namespace=NAMESPACE, execution=execution(name, run_id), maximum_page_size=page_size
    )
    events = []
    while True:
        page = ask(request)
        events += page.history.events
        if not page.next_page_token:
            return events[::-1]
        request.next_page_token = page.next_page_token


def describe(ask, name, run_id=""):
    return ask(DescribeWorkflowExecutionRequest(namespace=NAMESPACE, execution=execution(name, run_id)))


def signal(ask, name, word, run_id="", **more):
    ask(
        SignalWorkflowExecutionRequest(
            namespace=NAMESPACE, workflow_execution=execution(name, run_id), signal_name=word, **more
        )
    )


def signals_of(events):
    return [
        e.workflow_execution_signaled_event_attributes.signal_name
        for e in events
        if e.HasField("workflow_execution_signaled_event_attributes")
    ]


def step(ask, name, *commands):
    """One workflow task, completed with these commands."""
    task = poll_workflow(ask, name)
    assert task.task_token
    complete(ask, task.task_token, *commands)
    return task


def timer(timer_id, seconds):
    return Command(
        command_type=CommandType.COMMAND_TYPE_START_TIMER,
        start_timer_command_attributes=StartTimerCommandAttributes(
            timer_id=timer_id, start_to_fire_timeout=Duration(seconds=seconds)
        ),
    )


def test_the_new_run_goes_on_from_the_fork(ask):
    name = unique("reset")
    first = start(ask, name)
    step(ask, name)
    signal(ask, name, "one")
    step(ask, name)
    signal(ask, name, "two")
    step(ask, name)
    base = events_of(ask, name)
    second = reset(ask, name, 4)
    events = events_of(ask, name)
    assert types_of(events) == [STARTED, *FAILED, SIGNALED, SIGNALED, "WorkflowTaskScheduled"]
    assert signals_of(events) == ["one", "two"]
    assert events[:3] == base[:3]
    failed = events[3].workflow_task_failed_event_attributes
    assert failed.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW
    assert failed.base_run_id == first and failed.new_run_id == second
    assert failed.failure.message == "again"
    assert failed.failure.HasField("reset_workflow_failure_info")
    ended = events_of(ask, name, first)
    assert ended[: len(base)] == base
    last = ended[-1].workflow_execution_terminated_event_attributes
    assert (last.reason, last.identity) == ("again", "history-resetter")
    old = describe(ask, name, first)
    assert old.workflow_execution_info.status == TERMINATED
    assert old.workflow_extended_info.reset_run_id == second
    new = describe(ask, name)
    assert new.workflow_execution_info.execution.run_id == second
    assert new.workflow_execution_info.status == RUNNING
    assert new.workflow_execution_info.first_run_id == first
    assert new.workflow_extended_info.original_start_time == base[0].event_time
    assert new.workflow_extended_info.last_reset_time == new.workflow_execution_info.start_time
    step(ask, name, CLOSE)
    assert types_of(events_of(ask, name, second))[-4:] == [*TASK, "WorkflowExecutionCompleted"]


@pytest.mark.parametrize("page_size", [1, 2, 3, 100])
def test_pages_cross_the_borders_of_branches(ask, page_size):
    name = unique("reset")
    first = start(ask, name)
    for i in range(4):
        step(ask, name)
        signal(ask, name, f"s{i}")
    second = reset(ask, name, 12)
    for i in range(3):
        step(ask, name)
        signal(ask, name, f"t{i}")
    whole = events_of(ask, name, second)
    third = reset(ask, name, 24, run_id=second)
    events = events_of(ask, name, third)
    assert events[:23] == whole[:23]
    assert events_of(ask, name, third, page_size) == events
    assert reversed_of(ask, name, third, page_size) == events
    assert events_of(ask, name, first, page_size)[:11] == events[:11]
    fourth = reset(ask, name, 8, run_id=third)
    assert events_of(ask, name, fourth, page_size)[:7] == events[:7]
    assert reversed_of(ask, name, fourth, page_size) == events_of(ask, name, fourth)
    step(ask, name, CLOSE)


def test_a_repeated_request_makes_one_run(ask):
    name = unique("reset")
    first = start(ask, name)
    step(ask, name)
    second = reset(ask, name, 4, request_id="once")
    assert reset(ask, name, 4, request_id="once") == second
    assert reset(ask, name, 4, run_id=first, request_id="once") == second
    assert reset(ask, name, 4, run_id=first, request_id="twice") != second


def test_bad_requests(ask):
    name = unique("reset")
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    assert refused(ask, name, 4)[0] == grpc.StatusCode.NOT_FOUND
    start(ask, name)
    step(ask, name, timer("t", 3600))
    finish = "Workflow task finish ID must be > 1 && <= workflow last event ID."
    for event_id in (-1, 0, 1, 6, 100):
        assert refused(ask, name, event_id) == (invalid, finish)
    assert refused(ask, name, 2)[1].startswith("StateRebuilder unable to Rebuild mutable state to event ID: 1")
    assert refused(ask, name, 5)[1].endswith("this event must be at the boundary")
    signal(ask, name, "x")
    assert refused(ask, name, 6) == (
        invalid,
        "Can only reset workflow to event ID in range [WorkflowTaskScheduled +1, WorkflowTaskStarted + 1]: 6",
    )
    assert refused(ask, name, 4, run_id="none") == (invalid, "Invalid RunId.")
    assert refused(ask, name, 4, request_id="x" * 1001)[1] == "RequestId length exceeds limit."
    with pytest.raises(grpc.RpcError) as told:
        ask(
            ResetWorkflowExecutionRequest(
                namespace=NAMESPACE, workflow_execution=execution(name), workflow_task_finish_event_id=4
            )
        )
    assert told.value.details() == "RequestId is not set on request."
    post = PostResetOperation(signal_workflow=PostResetOperation.SignalWorkflow(signal_name="x"))
    assert refused(ask, name, 4, post_reset_operations=[post]) == (
        invalid,
        "unsupported post reset operation: *workflow.PostResetOperation_SignalWorkflow_",
    )
    assert describe(ask, name).workflow_execution_info.status == RUNNING


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, ["one", "two"]),
        ({"reset_reapply_type": ResetReapplyType.RESET_REAPPLY_TYPE_SIGNAL}, ["one", "two"]),
        ({"reset_reapply_type": ResetReapplyType.RESET_REAPPLY_TYPE_NONE}, []),
        (
            {"reset_reapply_exclude_types": [ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL]},
            [],
        ),
        (
            {"reset_reapply_exclude_types": [ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE]},
            ["one", "two"],
        ),
        ({"reset_reapply_exclude_types": [1, 2, 3, 4]}, []),
    ],
)
def test_what_comes_again(ask, options, expected):
    name = unique("reset")
    start(ask, name)
    step(ask, name)
    signal(ask, name, "one")
    task = poll_workflow(ask, name)
    signal(ask, name, "two")  # waits for the task's end
    reset(ask, name, 4, **options)
    assert signals_of(events_of(ask, name)) == expected
    with pytest.raises(grpc.RpcError) as told:
        complete(ask, task.task_token)
    assert told.value.code() == grpc.StatusCode.NOT_FOUND


def test_a_closed_run_and_one_that_is_not_current(ask):
    name = unique("reset")
    first = start(ask, name)
    step(ask, name)
    signal(ask, name, "one")
    step(ask, name, CLOSE)
    second = reset(ask, name, 4)
    assert describe(ask, name, first).workflow_execution_info.status == (
        WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED
    )
    assert signals_of(events_of(ask, name)) == ["one"]
    step(ask, name)
    signal(ask, name, "two")
    third = reset(ask, name, 4, run_id=first)  # the second run is current, and open
    assert describe(ask, name, second).workflow_execution_info.status == TERMINATED
    assert describe(ask, name, first).workflow_extended_info.reset_run_id == third
    assert signals_of(events_of(ask, name)) == ["one"]
    step(ask, name, CLOSE)


def test_signals_of_the_runs_that_followed_come_again(ask):
    name = unique("reset")
    first = start(ask, name)
    step(ask, name)
    signal(ask, name, "one")
    again = Command(
        command_type=CommandType.COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION,
        continue_as_new_workflow_execution_command_attributes=ContinueAsNewWorkflowExecutionCommandAttributes(
            workflow_type=WorkflowType(name="Plain"), task_queue=TaskQueue(name=name)
        ),
    )
    step(ask, name, again)
    signal(ask, name, "two")
    step(ask, name, again)
    signal(ask, name, "three")
    reset(ask, name, 4, run_id=first)
    assert signals_of(events_of(ask, name)) == ["one", "two", "three"]
    step(ask, name, CLOSE)


def test_activities_and_timers_begin_again(ask):
    name = unique("reset")
    start(ask, name)
    step(ask, name, activity_command(name), timer("t", 1))
    poll = PollActivityTaskQueueRequest(namespace=NAMESPACE, task_queue=TaskQueue(name=name))
    token = ask(poll).task_token
    assert token
    wait_until(lambda: "TimerFired" in types_of(events_of(ask, name)), 20, "the timer to fire")
    step(ask, name)  # ids 8 to 10
    reset(ask, name, 9 + 1)
    types = types_of(events_of(ask, name))
    assert types[:4] == [STARTED, *TASK] and "WorkflowTaskFailed" in types
    pending = describe(ask, name).pending_activities
    assert [(p.activity_id, p.attempt) for p in pending] == [("1", 1)]
    with pytest.raises(grpc.RpcError) as told:
        ask(RespondActivityTaskCompletedRequest(namespace=NAMESPACE, task_token=token))
    assert told.value.code() == grpc.StatusCode.NOT_FOUND
    again = ask(poll)
    assert again.attempt == 1
    ask(RespondActivityTaskCompletedRequest(namespace=NAMESPACE, task_token=again.task_token))
    step(ask, name, CLOSE)


def test_the_base_is_deleted_first_and_then_the_branch(server, ask):
    name = unique("reset")
    first = start(ask, name)
    for i in range(3):
        step(ask, name)
        signal(ask, name, f"s{i}")
    second = reset(ask, name, 8)
    step(ask, name)
    third = reset(ask, name, len(events_of(ask, name)))
    shared = events_of(ask, name, third)
    step(ask, name)

    def delete(run_id):
        ask(
            DeleteWorkflowExecutionRequest(
                namespace=NAMESPACE, workflow_execution=execution(name, run_id)
            )
        )

    for gone in (first, second):
        delete(gone)
        with pytest.raises(grpc.RpcError):
            events_of(ask, name, gone)
        assert events_of(ask, name, third)[: len(shared)] == shared
    fourth = reset(ask, name, 4, run_id=third)
    delete(third)
    assert events_of(ask, name, fourth)[:3] == shared[:3]
    step(ask, name, CLOSE)
    delete(fourth)
    with pytest.raises(grpc.RpcError):
        describe(ask, name)


def test_what_comes_again_is_bounded(ask):
    """One record holds the reset: more than it can take is refused, and nothing has happened."""
    name = unique("reset")
    first = start(ask, name)
    step(ask, name)
    big = Payloads(payloads=[Payload(data=b"x" * 1_500_000)])
    for word in ("a", "b", "c"):
        signal(ask, name, word, input=big)
    code, text = refused(ask, name, 4)
    assert code == grpc.StatusCode.INVALID_ARGUMENT and text.startswith("transaction size of 45")
    assert describe(ask, name).workflow_execution_info.execution.run_id == first
    assert describe(ask, name).workflow_execution_info.status == RUNNING
    reset(
        ask,
        name,
        4,
        reset_reapply_exclude_types=[ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL],
    )
    assert signals_of(events_of(ask, name)) == []
