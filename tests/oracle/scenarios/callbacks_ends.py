"""callbacks_ends.py - what a completion callback is told of every end that a worker gives."""
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.enums.v1 import CallbackState
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure

from kit.basic import anew
from kit.receiver import SETTINGS, receiving  # noqa: F401 the runner reads SETTINGS
from lab import command, payloads

CAUSE = Failure(message="inner", application_failure_info=ApplicationFailureInfo(type="Inner", details=payloads("d")))
ENDS = {
    "a result": command("complete_workflow_execution", result=payloads("done")),
    "no result": command("complete_workflow_execution"),
    "bytes": command("complete_workflow_execution", result=Payloads(payloads=[
        Payload(metadata={"encoding": b"binary/plain"}, data=b"bytes")])),
    "nil": command("complete_workflow_execution", result=Payloads(payloads=[
        Payload(metadata={"encoding": b"binary/null"})])),
    "two results": command("complete_workflow_execution", result=payloads("a", "b")),
    "a type of its own": command("complete_workflow_execution", result=Payloads(payloads=[
        Payload(metadata={"encoding": b"json/protobuf", "messageType": b"a.B"}, data=b"{}")])),
    "a failure": command("fail_workflow_execution", failure=Failure(
        message="outer", source="test", stack_trace="at", cause=CAUSE,
        application_failure_info=ApplicationFailureInfo(type="Outer", non_retryable=True))),
    "canceled": command("cancel_workflow_execution", details=payloads("details")),
}
SUCCEEDED = CallbackState.CALLBACK_STATE_SUCCEEDED


def play(x):
    with receiving(x) as receiver:
        for label, end in ENDS.items():
            anew(x, completion_callbacks=[receiver.callback(token="abc")])
            if label == "canceled":
                x.cancel()
            x.complete(x.poll(), end)
            receiver.tell(label)
            receiver.described(f"the callback: {label}", [SUCCEEDED])
