"""test_update_limits.py - how many updates a run takes, at a time and in all, and how large they may be."""

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import (
    ResourceExhaustedCause,
    SuggestContinueAsNewReason,
    UpdateWorkflowExecutionLifecycleStage,
)
from temporalio.api.failure.v1 import Failure
from temporalio.api.protocol.v1 import Message
from temporalio.api.update.v1 import (
    Acceptance,
    Input,
    Meta,
    Outcome,
    Rejection,
    Request,
    Response,
    UpdateRef,
    WaitPolicy,
)
from temporalio.api.workflowservice.v1 import (
    PollWorkflowExecutionUpdateRequest,
    UpdateWorkflowExecutionRequest,
)

from harness import wait_until
from limits import Limited, refused

COMPLETED = UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED


@pytest.fixture(scope="module")
def limited():
    limited = Limited()
    yield limited
    limited.stop()


class Updated:
    """A workflow whose first task is done, and who updates it."""

    def __init__(self, space):
        self.space, self.id = space, "updated"
        space.start(self.id)
        space.complete(space.poll())

    def request(self, update_id, size=1):
        return UpdateWorkflowExecutionRequest(
            namespace=self.space.name,
            workflow_execution=WorkflowExecution(workflow_id=self.id),
            wait_policy=WaitPolicy(lifecycle_stage=COMPLETED),
            request=Request(
                meta=Meta(update_id=update_id),
                input=Input(name="up", args=Payloads(payloads=[Payload(data=b"x" * size)])),
            ),
        )

    def ask(self, update_id, size=1):
        """A call under way whose update is admitted."""
        asked = self.space.stub.UpdateWorkflowExecution.future(self.request(update_id, size), timeout=20)
        ref = UpdateRef(workflow_execution=WorkflowExecution(workflow_id=self.id), update_id=update_id)

        def admitted():
            try:
                self.space.call(
                    "PollWorkflowExecutionUpdate",
                    PollWorkflowExecutionUpdateRequest(namespace=self.space.name, update_ref=ref),
                )
                return True
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.NOT_FOUND, error
                return False

        wait_until(admitted, 20, f"update {update_id} is admitted")
        return asked

    def refused(self, update_id, size=1):
        return refused(lambda: self.space.call("UpdateWorkflowExecution", self.request(update_id, size)))


def message(update_id, body):
    packed = Any()
    packed.Pack(body)
    return Message(id=f"{update_id}/{type(body).__name__}", protocol_instance_id=update_id, body=packed)


def rejections(task):
    return [message(m.protocol_instance_id, Rejection(failure=Failure(message="no"))) for m in task.messages]


def completions(task):
    for m in task.messages:
        name = m.protocol_instance_id
        yield message(
            name, Acceptance(accepted_request_message_id=m.id, accepted_request_sequencing_event_id=m.event_id)
        )
        yield message(name, Response(meta=Meta(update_id=name), outcome=Outcome(success=Payloads())))


def test_updates_in_flight(limited):
    space = limited.namespace(history__maxInFlightUpdates=2)
    run = Updated(space)
    asked = [run.ask("a"), run.ask("b")]
    why = run.refused("c")
    assert why.code == "RESOURCE_EXHAUSTED"
    assert why.text == "limit on number of concurrent in-flight updates has been reached (2)"
    assert why.exhausted.cause == ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT
    task = space.poll()
    assert [m.protocol_instance_id for m in task.messages] == ["a", "b"]
    space.complete(task, messages=rejections(task))
    for call in asked:
        assert call.result().outcome.failure.message == "no"
    run.ask("c").cancel()


def test_updates_in_all(limited):
    space = limited.namespace(history__maxTotalUpdates=3, history__maxTotalUpdates__suggestContinueAsNewThreshold=0.9)
    run = Updated(space)
    for i in range(3):
        rejected = run.ask("rejected ones do not count")
        task = space.poll()
        space.complete(task, messages=rejections(task))
        assert rejected.result().outcome.failure.message == "no"
        asked = run.ask(f"u{i}")
        task = space.poll()
        started = task.history.events[-1].workflow_task_started_event_attributes
        assert started.suggest_continue_as_new == (i == 2)
        if i == 2:
            assert list(started.suggest_continue_as_new_reasons) == [
                SuggestContinueAsNewReason.SUGGEST_CONTINUE_AS_NEW_REASON_TOO_MANY_UPDATES
            ]
        space.complete(task, messages=completions(task))
        assert asked.result().outcome.HasField("success")
    why = run.refused("one too many")
    assert why.code == "FAILED_PRECONDITION"
    assert why.text.startswith(
        "The limit on the total number of distinct updates in this workflow has been reached (3)."
    )
    again = space.call("UpdateWorkflowExecution", run.request("u1"))  # it is there already
    assert again.outcome.HasField("success")


def test_bytes_of_updates_in_flight(limited):
    space = limited.namespace(history__maxInFlightUpdatePayloads=2000)
    run = Updated(space)
    asked = run.ask("a", 1000)
    why = run.refused("b", 1000)
    assert why.code == "RESOURCE_EXHAUSTED"
    assert why.text == "limit on total payload size of in-flight updates has been reached (2000 bytes)"
    run.ask("c", 100).cancel()
    asked.cancel()
