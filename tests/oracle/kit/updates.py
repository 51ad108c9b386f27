"""updates.py - updates by hand: asking for them, and the messages that workers answer with."""
import copy
import threading
import time

from google.protobuf.any_pb2 import Any
from temporalio.api.common.v1 import WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage as Stage
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.protocol.v1 import Message
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.update.v1 import (Acceptance, Input, Meta, Outcome, Rejection, Request, Response, UpdateRef,
                                      WaitPolicy)
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from lab import command, payloads

UNSPECIFIED = Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_UNSPECIFIED
ADMITTED = Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ADMITTED
ACCEPTED = Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED
COMPLETED = Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED

NO = Failure(message="no", application_failure_info=ApplicationFailureInfo(type="No"))


# -- asking ---------------------------------------------------------------------------------------


def request(x, update_id="u", stage=COMPLETED, name="up", execution=None, **more):
    return api.UpdateWorkflowExecutionRequest(
        namespace="default", workflow_execution=execution or x.execution(),
        wait_policy=WaitPolicy(lifecycle_stage=stage),
        request=Request(meta=Meta(update_id=update_id, identity="client"), input=Input(name=name, args=payloads("a"))),
        **more)


def update(x, update_id="u", stage=COMPLETED, label=None, timeout=25.0, **more):
    return x.call("UpdateWorkflowExecution", request(x, update_id, stage, **more), timeout,
                  label or f"update {update_id}", True)


def poll_update(x, update_id="u", stage=UNSPECIFIED, label=None, timeout=25.0, execution=None):
    return x.call("PollWorkflowExecutionUpdate", api.PollWorkflowExecutionUpdateRequest(
        namespace="default", identity="client", wait_policy=WaitPolicy(lifecycle_stage=stage),
        update_ref=UpdateRef(workflow_execution=execution or x.execution(), update_id=update_id)), timeout,
        label or f"poll update {update_id}", True)


def start_request(x, **changes):
    fields = dict(namespace="default", workflow_id=x.workflow_id, request_id=x.new_request_id(), identity="client",
                  workflow_type=WorkflowType(name="wf-type"), task_queue=TaskQueue(name=x.queue))
    fields.update(changes)
    return api.StartWorkflowExecutionRequest(**fields)


def update_with_start(x, update_id="u", stage=COMPLETED, label=None, timeout=25.0, update_changes=None, **start_changes):
    Operation = api.ExecuteMultiOperationRequest.Operation
    asked = request(x, update_id, stage, execution=WorkflowExecution(workflow_id=x.workflow_id),
                    **(update_changes or {}))
    response = x.call("ExecuteMultiOperation", api.ExecuteMultiOperationRequest(
        namespace="default", operations=[Operation(start_workflow=start_request(x, **start_changes)),
                                         Operation(update_workflow=asked)]), timeout,
        label or f"update {update_id} with start", True)
    if response is not None:
        x.run_id = response.responses[0].start_workflow.run_id
    return response


class Asked:
    """A call that waits in a thread of its own; what it got is written down by tell()."""

    def __init__(self, x, function, *args, **kwargs):
        self.x, self.side = x, copy.copy(x)
        self.side.lines, self.side.lock = [], threading.Lock()
        self.side.mask = lambda text: text
        self.thread = x.behind(function, self.side, *args, **kwargs)

    def tell(self):
        self.thread.join(40)
        assert not self.thread.is_alive(), "the call does not end"
        for line in self.side.lines:
            self.x.say(line)
        if self.side.workflow_id == self.x.workflow_id:
            self.x.run_id = self.side.run_id
        return self


def ask(x, update_id="u", stage=COMPLETED, **more):
    """An update is asked for, and is known to the server."""
    asked = Asked(x, update, update_id, stage, **more)
    known(x, update_id)
    return asked


def known(x, update_id, timeout=10.0, execution=None):
    x.quiet, end = True, time.monotonic() + timeout
    try:
        while poll_update(x, update_id, execution=execution) is None:
            assert time.monotonic() < end, f"update {update_id} is not admitted"
            time.sleep(0.02)
    finally:
        x.quiet = False


# -- answering ------------------------------------------------------------------------------------


def message(update_id, kind, body, **more):
    packed = Any()
    packed.Pack(body)
    return Message(id=f"{update_id}/{kind}", protocol_instance_id=update_id, body=packed, **more)


def asked_in(task, update_id):
    return next(m for m in task.messages if m.protocol_instance_id == update_id)


def request_in(task, update_id):
    asked = Request()
    asked_in(task, update_id).body.Unpack(asked)
    return asked


def accept(task, update_id="u"):
    return message(update_id, "accept", Acceptance(
        accepted_request_message_id=asked_in(task, update_id).id,
        accepted_request_sequencing_event_id=asked_in(task, update_id).event_id,
        accepted_request=request_in(task, update_id)))


def reject(task, update_id="u", failure=NO):
    return message(update_id, "reject", Rejection(
        rejected_request_message_id=asked_in(task, update_id).id,
        rejected_request_sequencing_event_id=asked_in(task, update_id).event_id,
        rejected_request=request_in(task, update_id), failure=failure))


def done(update_id="u", result="result", failure=None):
    outcome = Outcome(failure=failure) if failure else Outcome(success=payloads(result))
    return message(update_id, "done", Response(meta=Meta(update_id=update_id, identity="client"), outcome=outcome))


def pointers(*messages):
    """The commands that say when the messages count."""
    return [command("protocol_message", message_id=m.id) for m in messages]


def answer(x, task, *messages, commands=(), **more):
    """Completes the task with messages, each with its command, and further commands after them."""
    return x.complete(task, *pointers(*messages), *commands, messages=messages, **more)


def idle(x):
    """A started workflow whose first task is done."""
    x.start()
    x.complete(x.poll())
