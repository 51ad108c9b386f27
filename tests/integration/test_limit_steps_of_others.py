"""test_limit_steps_of_others.py - what others bring to a run, and would make its state too large, is not written: the
run is terminated in its place, and who brought it goes on."""

import threading

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import (
    Callback,
    Header,
    Memo,
    Payload,
    WorkflowExecution,
    WorkflowType,
)
from temporalio.api.enums.v1 import EventType, SignalExternalWorkflowExecutionFailedCause
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.update.v1 import Input, Meta, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import (
    ExecuteMultiOperationRequest,
    StartWorkflowExecutionRequest,
    UpdateWorkflowExecutionRequest,
)

from callback_receiver import Receiver
from harness import unique, wait_until
from limits import Limited, command, payloads, refused
from test_limit_steps import COMPLETED, STATE, messages_of, types
from test_limits import begun, terminated_by
from test_update_limits import ACCEPTED

CHILD_STARTED = EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED
CHILD_COMPLETED = EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED
OPTIONS_UPDATED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED
SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
SIGNAL_FAILED = EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED
TERMINATED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED
SETTINGS = {
    "limit.mutableStateSize.error": 20_000,
    "history.enableUpdateCallbacks": True,
    "callback.allowedAddresses": [{"value": [{"Pattern": "127.0.0.1:*", "AllowInsecure": True}]}],
}


@pytest.fixture(scope="module")
def limited():
    limited = Limited()
    yield limited
    limited.stop()


@pytest.fixture
def small(limited):
    space = limited.namespace(limit__memoSize__error=100_000)
    limited.apply({**limited.entries, **SETTINGS})
    yield space
    limited.apply(limited.entries)


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


def child(name, queue, **fields):
    return command(
        "start_child_workflow_execution",
        workflow_id=name,
        workflow_type=WorkflowType(name="Child"),
        task_queue=TaskQueue(name=queue),
        **fields,
    )


def closed(space, workflow_id):
    """The types of the events of a run, once it has closed."""
    ends = {COMPLETED, TERMINATED}
    wait_until(lambda: types(space, workflow_id)[-1] in ends, 20, f"the end of {workflow_id}")
    return types(space, workflow_id)


def next_at_once(space, task, *commands):
    """Answer, and have the next task in hand with the answer."""
    answer = space.complete(task, *commands, return_new_workflow_task=True, force_create_new_workflow_task=True)
    assert answer.workflow_task.task_token
    return answer.workflow_task


def test_a_large_result_of_a_child_ends_its_parent(small):
    name, queue = unique("child"), unique("cq")
    parent, task = begun(small)
    parent_queue = small.queue
    small.complete(task, child(name, queue))
    held = small.poll()  # what comes meanwhile is buffered
    assert CHILD_STARTED in types(small, parent)
    small.queue = queue
    small.complete(small.poll(), command("complete_workflow_execution", result=payloads(25_000)))
    assert CHILD_COMPLETED not in closed(small, parent)
    assert terminated_by(small, parent) == STATE
    assert closed(small, name)[-1] == COMPLETED
    small.queue = parent_queue
    assert refused(small.complete, held).code == "NOT_FOUND"


def test_a_large_signal_of_another_workflow_ends_its_target(small):
    target, _ = begun(small)  # its task stays with us
    source, task = begun(small)
    small.complete(
        task,
        command(
            "signal_external_workflow_execution",
            execution=WorkflowExecution(workflow_id=target),
            signal_name="s",
            input=payloads(25_000),
        ),
    )
    assert SIGNALED not in closed(small, target)
    assert terminated_by(small, target) == STATE
    task = small.poll()
    failed = [e for e in task.history.events if e.event_type == SIGNAL_FAILED]
    causes = SignalExternalWorkflowExecutionFailedCause
    assert [e.signal_external_workflow_execution_failed_event_attributes.cause for e in failed] == [
        causes.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_SIGNAL_COUNT_LIMIT_EXCEEDED
    ]
    small.complete(task, command("complete_workflow_execution"))
    assert closed(small, source)[-1] == COMPLETED


def test_an_answer_that_is_too_large_ends_who_asked(small):
    name = unique("child")
    parent, task = begun(small)
    header = Header(fields={"h": Payload(data=b"x" * 25_000)})  # which comes again with the child's start
    next_at_once(small, task, child(name, unique("cq"), header=header))
    assert CHILD_STARTED not in closed(small, parent)
    assert terminated_by(small, parent) == STATE
    assert closed(small, name)[-1] == TERMINATED  # as its parent close policy says


def test_the_answer_to_a_callback_finds_a_state_too_large(small, receiver, limited):
    workflow_id, task = begun(small, memo=Memo(fields={"m": Payload(data=b"x" * 15_000)}))
    small.complete(task)
    receiver.plan["/u"] = ["hang"]
    asking = threading.Thread(target=ask, args=(small, workflow_id, receiver.url("/u")), daemon=True)
    asking.start()
    task = small.poll()
    commands, messages = messages_of(task, payloads(1))
    small.complete(task, *commands, messages=messages)
    asking.join(30)
    receiver.wait("/u")
    limited.apply({**limited.entries, **SETTINGS, "limit.mutableStateSize.error": 10_000})
    receiver.released.set()
    assert closed(small, workflow_id)[-1] == TERMINATED
    assert terminated_by(small, workflow_id) == STATE


def wish(space, workflow_id, *urls, request_id, filler=0):
    callbacks = [Callback(nexus=Callback.Nexus(url=url, header={"h": "x" * filler})) for url in urls]
    return UpdateWorkflowExecutionRequest(
        namespace=space.name,
        workflow_execution=WorkflowExecution(workflow_id=workflow_id),
        wait_policy=WaitPolicy(lifecycle_stage=ACCEPTED),
        request=Request(
            meta=Meta(update_id="u"),
            input=Input(name="up"),
            request_id=request_id,
            completion_callbacks=callbacks,
        ),
    )


def ask(space, workflow_id, url):
    return space.call("UpdateWorkflowExecution", wish(space, workflow_id, url, request_id="r1"), 30)


def accepted_update(space, receiver):
    """A run with an accepted update, and a state of 18 KB."""
    workflow_id, task = begun(space, memo=Memo(fields={"m": Payload(data=b"x" * 17_000)}))
    space.complete(task)
    asking = threading.Thread(target=ask, args=(space, workflow_id, receiver.url("/u")), daemon=True)
    asking.start()
    task = space.poll()
    commands, messages = messages_of(task, payloads(1))
    space.complete(task, *commands[:1], messages=messages[:1])
    asking.join(30)
    return workflow_id


def test_callbacks_that_are_attached_to_an_update_make_a_state_too_large(small, receiver):
    workflow_id = accepted_update(small, receiver)
    request = wish(small, workflow_id, receiver.url("/v"), request_id="r2", filler=4_000)
    why = refused(small.call, "UpdateWorkflowExecution", request)
    assert (why.code, why.text) == ("INVALID_ARGUMENT", STATE)
    assert terminated_by(small, workflow_id) == STATE
    assert OPTIONS_UPDATED not in types(small, workflow_id)
    receiver.wait("/u")  # its update is over with the run


def test_callbacks_of_an_update_with_start_that_make_a_state_too_large(small, receiver):
    workflow_id = accepted_update(small, receiver)
    start = StartWorkflowExecutionRequest(
        namespace=small.name,
        workflow_id=workflow_id,
        workflow_type=WorkflowType(name="Limited"),
        task_queue=TaskQueue(name=small.queue),
        request_id=unique("r"),
        workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING",
        workflow_execution_timeout=Duration(seconds=60),
    )
    operation = ExecuteMultiOperationRequest.Operation
    request = ExecuteMultiOperationRequest(
        namespace=small.name,
        operations=[
            operation(start_workflow=start),
            operation(
                update_workflow=wish(small, workflow_id, receiver.url("/v"), request_id="r2", filler=4_000)
            ),
        ],
    )
    why = refused(small.call, "ExecuteMultiOperation", request)
    assert (why.code, why.text) == ("INVALID_ARGUMENT", "Update-with-Start could not be executed.")
    assert terminated_by(small, workflow_id) == STATE
