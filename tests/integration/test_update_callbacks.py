"""test_update_callbacks.py - completion callbacks of updates: kept with the accepted update, posted with its outcome."""

import json
import threading

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from temporalio.api.command.v1 import (
    Command,
    ContinueAsNewWorkflowExecutionCommandAttributes,
    ProtocolMessageCommandAttributes,
)
from temporalio.api.common.v1 import Callback, Link, Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import CallbackState, CommandType, EventType, UpdateWorkflowExecutionLifecycleStage
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.protocol.v1 import Message
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.update.v1 import Acceptance, Input, Meta, Outcome, Rejection, Request, Response, WaitPolicy
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryRequest,
    ResetWorkflowExecutionRequest,
    RespondWorkflowTaskCompletedRequest,
    StartWorkflowExecutionRequest,
    TerminateWorkflowExecutionRequest,
    UpdateWorkflowExecutionRequest,
)

import harness
from callback_receiver import SETTINGS, Receiver, ask, callback, receiver  # noqa: F401 (fixtures)
from harness import raw_channel, unique, wait_until
from test_hostile import CLOSE, Asker, complete, poll_workflow

NAMESPACE = "default"
ON = {**SETTINGS, "history.enableUpdateCallbacks": True}
STAGE = UpdateWorkflowExecutionLifecycleStage
TYPE = EventType


@pytest.fixture(scope="module")
def cluster():
    cluster = harness.Cluster(dynamic=ON)
    yield cluster
    cluster.stop()


def start(ask, *callbacks):
    """A workflow that has done its first task."""
    name = unique("update-callbacks")
    run_id = ask(
        StartWorkflowExecutionRequest(
            namespace=NAMESPACE,
            workflow_id=name,
            workflow_type=WorkflowType(name="Plain"),
            task_queue=TaskQueue(name=name),
            request_id=unique("request"),
            completion_callbacks=callbacks,
        )
    ).run_id
    complete(ask, poll(ask, name).task_token, namespace=NAMESPACE)
    return name, run_id


def poll(ask, name):
    return poll_workflow(ask, name, NAMESPACE)


def wish(name, update_id, *callbacks, stage=STAGE.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED, **more):
    return UpdateWorkflowExecutionRequest(
        namespace=NAMESPACE,
        workflow_execution=WorkflowExecution(workflow_id=name),
        wait_policy=WaitPolicy(lifecycle_stage=stage),
        request=Request(
            meta=Meta(update_id=update_id),
            input=Input(name="handler"),
            request_id=more.pop("request_id", f"{update_id}-request"),
            completion_callbacks=callbacks,
            **more,
        ),
    )


class Asked:
    """A request under way on a channel of its own."""

    def __init__(self, cluster, request):
        self.answer = self.error = None
        self.thread = threading.Thread(target=self.run, args=(cluster, request), daemon=True)
        self.thread.start()

    def run(self, cluster, request):
        try:
            with raw_channel(cluster.address) as call:
                self.answer = Asker(call)(request, 60)
        except grpc.RpcError as error:
            self.error = error

    def result(self):
        self.thread.join(60)
        assert not self.thread.is_alive()
        if self.error:
            raise self.error
        return self.answer


def message(update_id, body):
    any_ = Any()
    any_.Pack(body)
    return Message(id=f"{update_id}/{type(body).__name__}", protocol_instance_id=update_id, body=any_)


def accepted(update_id):
    return message(
        update_id,
        Acceptance(accepted_request_message_id=f"{update_id}/request", accepted_request_sequencing_event_id=2),
    )


def ended(update_id, **outcome):
    return message(update_id, Response(meta=Meta(update_id=update_id), outcome=Outcome(**outcome)))


def well(update_id, data=b'"well"'):
    payload = Payload(metadata={"encoding": b"json/plain"}, data=data)
    return ended(update_id, success=Payloads(payloads=[payload]))


def said(messages):
    """The commands that carry messages out where they stand."""
    return [
        Command(
            command_type=CommandType.COMMAND_TYPE_PROTOCOL_MESSAGE,
            protocol_message_command_attributes=ProtocolMessageCommandAttributes(message_id=m.id),
        )
        for m in messages
    ]


def answer(ask, name, *messages, then=()):
    return ask(
        RespondWorkflowTaskCompletedRequest(
            namespace=NAMESPACE,
            task_token=poll(ask, name).task_token,
            messages=messages,
            commands=[*said(messages), *then],
        )
    )


def accept(cluster, ask, name, update_id, *callbacks, **more):
    asked = Asked(cluster, wish(name, update_id, *callbacks, **more))
    answer(ask, name, accepted(update_id))
    return asked.result()


def describe(ask, name, run_id=""):
    execution = WorkflowExecution(workflow_id=name, run_id=run_id)
    return ask(DescribeWorkflowExecutionRequest(namespace=NAMESPACE, execution=execution))


def history(ask, name, run_id=""):
    execution = WorkflowExecution(workflow_id=name, run_id=run_id)
    return ask(GetWorkflowExecutionHistoryRequest(namespace=NAMESPACE, execution=execution)).history.events


def states(ask, name, run_id=""):
    return [CallbackState.Name(c.state)[15:] for c in describe(ask, name, run_id).callbacks]


def wait_states(ask, name, *wanted, run_id=""):
    wait_until(lambda: states(ask, name, run_id) == list(wanted), 20, f"callbacks are {wanted}")


def of_type(events, kind):
    return [e for e in events if e.event_type == kind]


def test_an_outcome_is_posted_while_the_workflow_goes_on(cluster, ask, receiver):
    name, run_id = start(ask)
    link = Link(workflow_event=Link.WorkflowEvent(namespace="n", workflow_id="w", run_id="r"))
    given = callback(receiver.url("/u"), **{"X-Mine": "yes"})
    given.links.append(link)
    accept(cluster, ask, name, "u", given, links=[link])

    event = of_type(history(ask, name), TYPE.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED)[0]
    request = event.workflow_execution_update_accepted_event_attributes.accepted_request
    assert request.completion_callbacks[0].nexus.header == {"x-mine": "yes"}
    assert list(event.links) == [link] and not request.links  # not twice
    (info,) = describe(ask, name).callbacks
    assert info.state == CallbackState.CALLBACK_STATE_STANDBY
    assert info.trigger.update_workflow_execution_completed.update_id == "u"
    assert info.callback.nexus.url == receiver.url("/u") and info.HasField("registration_time")

    asked = Asked(cluster, wish(name, "other"))
    answer(ask, name, well("u"), accepted("other"))
    asked.result()
    (post,) = receiver.wait("/u")
    headers = {key.lower(): value for key, value in post.headers.items()}
    assert post.body == b'"well"' and headers["content-type"] == "application/json"
    assert headers["nexus-operation-state"] == "succeeded" and headers["x-mine"] == "yes"
    assert headers["nexus-operation-start-time"] and headers["nexus-operation-close-time"]
    assert headers["nexus-link"] == (
        f"<temporal:///namespaces/{NAMESPACE}/workflows/{name}/{run_id}/history?"
        "eventType=WorkflowExecutionUpdateAccepted&referenceType=RequestIdReference&requestID=u-request>; "
        'type="temporal.api.common.v1.Link.WorkflowEvent"'
    )
    wait_states(ask, name, "SUCCEEDED")


def test_a_failed_update_posts_its_failure(cluster, ask, receiver):
    name, _ = start(ask)
    asked = Asked(cluster, wish(name, "u", callback(receiver.url("/f"))))
    failure = Failure(message="broken", application_failure_info=ApplicationFailureInfo(type="Kind"))
    answer(ask, name, accepted("u"), ended("u", failure=failure))
    asked.result()
    (post,) = receiver.wait("/f")
    assert post.headers["Nexus-Operation-State"] == "failed"
    assert json.loads(post.body) == {
        "message": "broken",
        "metadata": {"type": "temporal.api.failure.v1.Failure"},
        "details": {"applicationFailureInfo": {"type": "Kind"}},
    }


def test_a_rejected_update_posts_nothing(cluster, ask, receiver):
    name, _ = start(ask)
    asked = Asked(cluster, wish(name, "u", callback(receiver.url("/n"))))
    answer(ask, name, message("u", Rejection(failure=Failure(message="no"))))
    assert asked.result().outcome.failure.message == "no"
    assert not describe(ask, name).callbacks
    ask(TerminateWorkflowExecutionRequest(namespace=NAMESPACE, workflow_execution=WorkflowExecution(workflow_id=name)))
    assert not describe(ask, name).callbacks and not receiver.posts


@pytest.mark.parametrize("end", ["terminate", "complete", "continue"])
def test_an_update_that_its_run_leaves_behind(cluster, ask, receiver, end):
    name, run_id = start(ask, callback(receiver.url("/run")))
    accept(cluster, ask, name, "u", callback(receiver.url("/u")))
    if end == "terminate":
        execution = WorkflowExecution(workflow_id=name)
        ask(TerminateWorkflowExecutionRequest(namespace=NAMESPACE, workflow_execution=execution))
    else:
        again = Command(
            command_type=CommandType.COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION,
            continue_as_new_workflow_execution_command_attributes=ContinueAsNewWorkflowExecutionCommandAttributes(
                workflow_type=WorkflowType(name="Plain"), task_queue=TaskQueue(name=name)
            ),
        )
        asked = Asked(cluster, wish(name, "v"))  # for a workflow task
        answer(ask, name, accepted("v"), then=[CLOSE if end == "complete" else again])
        asked.result()
    (post,) = receiver.wait("/u")
    assert json.loads(post.body)["message"] == (
        "Workflow Update failed because the Workflow completed before the Update completed."
    )
    if end == "continue":
        wait_states(ask, name, "STANDBY", "SUCCEEDED", run_id=run_id)
        assert states(ask, name) == ["STANDBY"]  # the next run has its own, and no update
        assert not [post for post in receiver.posts if post.path == "/run"]
    else:
        receiver.wait("/run")
        wait_states(ask, name, "SUCCEEDED", "SUCCEEDED")


def test_callbacks_outlive_the_process(cluster, ask, receiver):
    name, _ = start(ask)
    accept(cluster, ask, name, "u", callback(receiver.url("/k")))
    old = cluster.kill("history")
    cluster.wait_restarted("history", old)
    assert states(ask, name) == ["STANDBY"]
    receiver.plan["/k"] = [500] * 3
    asked = Asked(cluster, wish(name, "v"))
    answer(ask, name, well("u"), accepted("v"))
    asked.result()
    receiver.wait("/k")
    old = cluster.kill("history")
    cluster.wait_restarted("history", old)
    receiver.wait("/k", 4)
    wait_states(ask, name, "SUCCEEDED")
    assert describe(ask, name).callbacks[0].attempt >= 3


def test_further_requests_attach_theirs(cluster, ask, receiver):
    name, _ = start(ask)
    first = Asked(cluster, wish(name, "u", callback(receiver.url("/1"))))
    task = poll(ask, name)
    second = Asked(cluster, wish(name, "u", callback(receiver.url("/2")), request_id="second"))
    # Whether the second comes before the acceptance or after it, it attaches its callback.
    ask(
        RespondWorkflowTaskCompletedRequest(
            namespace=NAMESPACE, task_token=task.task_token, messages=[accepted("u")], commands=said([accepted("u")])
        )
    )
    first.result(), second.result()
    ask(wish(name, "u", callback(receiver.url("/3")), request_id="third"))
    ask(wish(name, "u", callback(receiver.url("/3")), request_id="third"))  # once
    ask(wish(name, "u", callback(receiver.url("/1")), request_id="u-request"))
    updated = of_type(history(ask, name), TYPE.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED)
    options = [e.workflow_execution_options_updated_event_attributes.workflow_update_options for e in updated]
    assert [(o.update_id, o.attached_request_id) for (o,) in options] == [("u", "second"), ("u", "third")]
    infos = describe(ask, name).workflow_extended_info.request_id_infos
    assert infos["third"].event_id == updated[1].event_id
    assert infos["third"].event_type == TYPE.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED
    assert infos["u-request"].event_type == TYPE.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    asked = Asked(cluster, wish(name, "v"))
    answer(ask, name, well("u"), accepted("v"))
    asked.result()
    for path in ("/1", "/2", "/3"):
        assert len(receiver.wait(path)) == 1
    (post,) = receiver.wait("/3")
    assert "eventType=WorkflowExecutionOptionsUpdated&" in post.headers["Nexus-Link"]
    wait_states(ask, name, "SUCCEEDED", "SUCCEEDED", "SUCCEEDED")


def test_a_reset_brings_the_callbacks_of_its_updates(cluster, ask, receiver):
    name, run_id = start(ask)
    accept(cluster, ask, name, "yes", callback(receiver.url("/yes")))
    accept(cluster, ask, name, "no", callback(receiver.url("/no")))
    ask(
        ResetWorkflowExecutionRequest(
            namespace=NAMESPACE,
            workflow_execution=WorkflowExecution(workflow_id=name, run_id=run_id),
            workflow_task_finish_event_id=4,
            request_id=unique("reset"),
            reason="again",
        )
    )
    assert states(ask, name, run_id) == ["STANDBY", "STANDBY"]  # the new run has them
    assert states(ask, name) == ["STANDBY", "STANDBY"] and not receiver.posts
    answer(ask, name, accepted("yes"), well("yes"), message("no", Rejection(failure=Failure(message="not any more"))))
    (yes,), (no,) = receiver.wait("/yes"), receiver.wait("/no")
    assert yes.headers["Nexus-Operation-State"] == "succeeded"
    assert "eventType=WorkflowExecutionUpdateAdmitted&" in yes.headers["Nexus-Link"]
    assert no.headers["Nexus-Operation-State"] == "failed" and "Nexus-Link" not in no.headers
    assert json.loads(no.body)["message"] == "not any more"
    wait_states(ask, name, "SUCCEEDED", "SUCCEEDED")


def test_what_is_refused(cluster, ask, receiver):
    name, _ = start(ask)

    def refusal(*callbacks, **more):
        with pytest.raises(grpc.RpcError) as refused:
            ask(wish(name, "u", *callbacks, **more))
        return refused.value.code().name, refused.value.details()

    assert refusal(callback("http://example.com/")) == (
        "INVALID_ARGUMENT",
        "invalid url: url does not match any configured callback address: http://example.com/",
    )
    assert refusal(callback(receiver.url("/")), request_id="") == (
        "INVALID_ARGUMENT",
        "invalid *update.Request: request_id is required when completion_callbacks are set",
    )
    many = callback(receiver.url("/"))
    many.links.extend([Link(batch_job=Link.BatchJob(job_id="b"))] * 11)
    assert refusal(many) == ("INVALID_ARGUMENT", "cannot attach more than 10 links per request, got 11")
    asked = Asked(cluster, wish(name, "u", Callback(internal=Callback.Internal(data=b"x"))))
    with pytest.raises(grpc.RpcError) as refused:
        answer(ask, name, accepted("u"))
    assert refused.value.details() == (
        "BadUpdateWorkflowExecutionMessage: unsupported callback variant: *common.Callback_Internal_"
    )
    with pytest.raises(grpc.RpcError):
        asked.result()


def test_only_so_many(cluster, ask, receiver):
    cluster.set_dynamic({**ON, "system.maxCallbacksPerUpdateID": 1})
    try:
        name, _ = start(ask)
        accept(cluster, ask, name, "u", callback(receiver.url("/")))
        with pytest.raises(grpc.RpcError) as refused:
            ask(wish(name, "u", callback(receiver.url("/")), request_id="more"))
        assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert refused.value.details() == (
            'cannot attach more than 1 callbacks to update "u" (1 callbacks already attached)'
        )
    finally:
        cluster.set_dynamic(ON)


def test_where_they_are_off_nothing_is_posted(cluster, ask, receiver):
    namespace = lambda: ask(DescribeNamespaceRequest(namespace=NAMESPACE)).namespace_info  # noqa: E731
    assert namespace().capabilities.workflow_update_callbacks
    cluster.set_dynamic(SETTINGS)
    try:
        assert not namespace().capabilities.workflow_update_callbacks
        name, _ = start(ask)
        accept(cluster, ask, name, "u", callback(receiver.url("/off")))
        assert not describe(ask, name).callbacks
        request = of_type(history(ask, name), TYPE.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED)[0]
        kept = request.workflow_execution_update_accepted_event_attributes.accepted_request
        assert len(kept.completion_callbacks) == 1
    finally:
        cluster.set_dynamic(ON)
