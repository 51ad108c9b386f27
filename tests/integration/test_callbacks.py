"""test_callbacks.py - completion callbacks over HTTP, as a receiver on loopback sees them; what starts attach to a
running workflow; options of running workflows."""

import json
import socket

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.command.v1 import (
    CancelWorkflowExecutionCommandAttributes,
    Command,
    CompleteWorkflowExecutionCommandAttributes,
    ContinueAsNewWorkflowExecutionCommandAttributes,
    FailWorkflowExecutionCommandAttributes,
)
from temporalio.api.common.v1 import (
    Callback,
    Payload,
    Payloads,
    Priority,
    RetryPolicy,
    WorkflowExecution,
    WorkflowType,
)
from temporalio.api.enums.v1 import (
    CallbackState,
    CommandType,
    EventType,
    VersioningBehavior,
    WorkflowIdConflictPolicy,
)
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import OnConflictOptions, VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryRequest,
    StartWorkflowExecutionRequest,
    TerminateWorkflowExecutionRequest,
    UpdateWorkflowExecutionOptionsRequest,
)

import harness
from callback_receiver import SETTINGS, Receiver, ask, callback, receiver  # noqa: F401 (fixtures)
from harness import unique, wait_until
from test_hostile import complete, poll_workflow

NAMESPACE = "default"
COMMAND = CommandType


@pytest.fixture(scope="module")
def cluster():
    cluster = harness.Cluster(dynamic=SETTINGS)
    yield cluster
    cluster.stop()


def request(workflow_id, *callbacks, **more):
    return StartWorkflowExecutionRequest(
        namespace=NAMESPACE,
        workflow_id=workflow_id,
        workflow_type=WorkflowType(name="Plain"),
        task_queue=TaskQueue(name=workflow_id),
        request_id=more.pop("request_id", None) or unique("request"),
        completion_callbacks=callbacks,
        **more,
    )


def start(ask, workflow_id, *callbacks, **more):
    return ask(request(workflow_id, *callbacks, **more)).run_id


def act(ask, queue, command):
    complete(ask, poll_workflow(ask, queue, NAMESPACE).task_token, command, namespace=NAMESPACE)


def done(*payloads):
    return Command(
        command_type=COMMAND.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
        complete_workflow_execution_command_attributes=CompleteWorkflowExecutionCommandAttributes(
            result=Payloads(payloads=payloads)
        ),
    )


def failed(message="broken", kind="Kind", **more):
    return Command(
        command_type=COMMAND.COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION,
        fail_workflow_execution_command_attributes=FailWorkflowExecutionCommandAttributes(
            failure=Failure(
                message=message, application_failure_info=ApplicationFailureInfo(type=kind), **more
            )
        ),
    )


def describe(ask, workflow_id, run_id=""):
    execution = WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
    return ask(DescribeWorkflowExecutionRequest(namespace=NAMESPACE, execution=execution))


def wait_state(ask, workflow_id, state, run_id=""):
    name = f"CALLBACK_STATE_{state}"
    wanted = CallbackState.Value(name)
    wait_until(
        lambda: all(c.state == wanted for c in describe(ask, workflow_id, run_id).callbacks), 20, name
    )
    return describe(ask, workflow_id, run_id).callbacks[0]


def history(ask, workflow_id, run_id=""):
    execution = WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
    return ask(
        GetWorkflowExecutionHistoryRequest(namespace=NAMESPACE, execution=execution)
    ).history.events


def text(data):
    return Payload(metadata={"encoding": b"json/plain"}, data=data)


# -- what is posted -----------------------------------------------------------------------------


def test_a_result_is_posted_with_its_headers(ask, receiver):
    name = unique("wf a/b")
    run_id = start(ask, name, callback(receiver.url("/done?x=1"), **{"X-Mine": "yes"}))
    started = history(ask, name)[0].workflow_execution_started_event_attributes
    assert started.completion_callbacks[0].nexus.header == {"x-mine": "yes"}
    waiting = describe(ask, name).callbacks[0]
    assert waiting.state == CallbackState.CALLBACK_STATE_STANDBY
    assert waiting.trigger.HasField("workflow_closed") and waiting.attempt == 0
    act(ask, name, done(text(b'"hello"')))

    (post,) = receiver.wait("/done?x=1")
    headers = {key.lower(): value for key, value in post.headers.items()}
    assert post.body == b'"hello"'
    assert headers["content-type"] == "application/json"
    assert headers["nexus-operation-state"] == "succeeded"
    assert headers["x-mine"] == "yes"
    assert headers["user-agent"] == "temporalio/server"
    assert headers["nexus-operation-start-time"].endswith(" GMT")
    assert headers["nexus-operation-close-time"].endswith("Z")
    escaped = name.replace(" ", "%20").replace("/", "%2F")
    assert headers["nexus-link"] == (
        f"<temporal:///namespaces/{NAMESPACE}/workflows/{escaped}/{run_id}/history?eventID=1"
        "&eventType=WorkflowExecutionStarted&referenceType=EventReference>; "
        'type="temporal.api.common.v1.Link.WorkflowEvent"'
    )
    told = wait_state(ask, name, "SUCCEEDED")
    assert told.attempt == 1 and told.HasField("last_attempt_complete_time")
    assert not told.HasField("last_attempt_failure")


@pytest.mark.parametrize(
    "payload, kind, body",
    [
        (None, None, b""),
        (Payload(metadata={"encoding": b"binary/plain"}, data=b"\0\1"), "application/octet-stream", b"\0\1"),
        (Payload(metadata={"encoding": b"binary/null"}), None, b""),
        (
            Payload(metadata={"encoding": b"json/protobuf", "messageType": b"a.B"}, data=b"{}"),
            'application/json; format=protobuf; message-type="a.B"',
            b"{}",
        ),
    ],
)
def test_payloads_go_as_what_they_are(ask, receiver, payload, kind, body):
    name = unique("callbacks")
    start(ask, name, callback(receiver.url("/p")))
    act(ask, name, done(*([payload] if payload else [])))
    (post,) = receiver.wait("/p")
    assert post.headers.get("Content-Type") == kind and post.body == body


def test_other_payloads_go_whole(ask, receiver):
    name = unique("callbacks")
    payload = Payload(metadata={"encoding": b"mine", "key": b"value"}, data=b"x")
    start(ask, name, callback(receiver.url("/p")))
    act(ask, name, done(payload))
    (post,) = receiver.wait("/p")
    assert post.headers["Content-Type"] == "application/x-temporal-payload"
    assert Payload.FromString(post.body) == payload


def test_a_failure_is_posted_with_its_causes(ask, receiver):
    name = unique("callbacks")
    start(ask, name, callback(receiver.url("/f")))
    cause = Failure(message="why", application_failure_info=ApplicationFailureInfo(type="Root"))
    act(ask, name, failed("a <b>", stack_trace="at x", cause=cause))
    (post,) = receiver.wait("/f")
    assert post.headers["Nexus-Operation-State"] == "failed"
    assert post.headers["Content-Type"] == "application/json"
    assert json.loads(post.body) == {
        "message": "a <b>",
        "stackTrace": "at x",
        "metadata": {"type": "temporal.api.failure.v1.Failure"},
        "details": {
            "cause": {"message": "why", "applicationFailureInfo": {"type": "Root"}},
            "applicationFailureInfo": {"type": "Kind"},
        },
        "cause": {
            "message": "why",
            "metadata": {"type": "temporal.api.failure.v1.Failure"},
            "details": {"applicationFailureInfo": {"type": "Root"}},
        },
    }
    assert b"\\u003cb\\u003e" in post.body


def test_ends_from_outside_are_told_without_reasons(ask, receiver):
    ends = {
        "terminated": ("failed", "operation terminated", {"terminatedFailureInfo": {}}),
        "canceled": ("canceled", "operation canceled", {"canceledFailureInfo": {}}),
        "late": ("failed", "operation exceeded internal timeout", {"timeoutFailureInfo": {}}),
    }
    names = {end: unique(end) for end in ends}
    for end, name in names.items():
        more = {"workflow_run_timeout": Duration(seconds=1)} if end == "late" else {}
        start(ask, name, callback(receiver.url("/" + end)), **more)
    ask(
        TerminateWorkflowExecutionRequest(
            namespace=NAMESPACE,
            workflow_execution=WorkflowExecution(workflow_id=names["terminated"]),
            reason="a secret",
        )
    )
    cancel = Command(
        command_type=COMMAND.COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION,
        cancel_workflow_execution_command_attributes=CancelWorkflowExecutionCommandAttributes(),
    )
    act(ask, names["canceled"], cancel)
    for end, (state, message, details) in ends.items():
        (post,) = receiver.wait("/" + end)
        assert post.headers["Nexus-Operation-State"] == state
        body = json.loads(post.body)
        assert body["message"] == message and body["details"] == details, body
        assert b"secret" not in post.body


# -- answers ------------------------------------------------------------------------------------


def test_what_may_be_tried_again_is(ask, receiver):
    name = unique("callbacks")
    receiver.plan["/r"] = [500, (400, {"Nexus-Request-Retryable": "true"}, b""), 502, 200]
    start(ask, name, callback(receiver.url("/r")))
    act(ask, name, done())
    assert len(receiver.wait("/r", 4)) == 4
    told = wait_state(ask, name, "SUCCEEDED")
    assert told.attempt == 4 and not told.HasField("next_attempt_schedule_time")


@pytest.mark.parametrize(
    "answer, text",
    [
        (400, "handler error (BAD_REQUEST)"),
        (404, "handler error (NOT_FOUND)"),
        ((503, {"Nexus-Request-Retryable": "false"}, b""), "handler error (UNAVAILABLE)"),
        (
            (
                500,
                {"Content-Type": "application/json"},
                json.dumps(
                    {
                        "message": "go away",
                        "metadata": {"type": "nexus.HandlerError"},
                        "details": {"type": "CONFLICT"},
                    }
                ).encode(),
            ),
            "handler error (CONFLICT): go away",
        ),
    ],
)
def test_what_is_refused_is_not_tried_again(ask, receiver, answer, text):
    name = unique("callbacks")
    receiver.plan["/no"] = [answer]
    start(ask, name, callback(receiver.url("/no")))
    act(ask, name, done())
    told = wait_state(ask, name, "FAILED")
    assert told.attempt == 1 and told.last_attempt_failure.message == text
    assert told.last_attempt_failure.application_failure_info.non_retryable
    assert len(receiver.posts) == 1


def test_a_receiver_that_is_down_is_asked_until_it_is_up(ask):
    name = unique("callbacks")
    with socket.socket() as reserved:  # bound, not listening: nobody else gets the port
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        url = f"http://127.0.0.1:{port}/up"
        start(ask, name, callback(url))
        act(ask, name, done())
        wait_until(lambda: describe(ask, name).callbacks[0].attempt >= 2, 20, "two attempts")
        told = describe(ask, name).callbacks[0]
        assert told.last_attempt_failure.message == (
            f'Post "{url}": dial tcp 127.0.0.1:{port}: connect: connection refused'
        )
        assert not told.last_attempt_failure.application_failure_info.non_retryable
    receiver = Receiver(port)
    try:
        receiver.wait("/up")
        wait_state(ask, name, "SUCCEEDED")
    finally:
        receiver.stop()


def test_a_receiver_that_hangs_is_given_up(ask, receiver):
    name = unique("callbacks")
    receiver.plan["/hang"] = ["hang"]
    start(ask, name, callback(receiver.url("/hang")))
    act(ask, name, done())
    receiver.wait("/hang", 2)
    assert wait_state(ask, name, "SUCCEEDED").attempt == 2


def test_a_killed_history_process_loses_no_callback(cluster, ask, receiver):
    names = [unique("callbacks") for _ in range(3)]
    for name in names:
        receiver.plan["/" + name] = ["hang"]
        start(ask, name, callback(receiver.url("/" + name)))
        act(ask, name, done(text(b"1")))
        receiver.wait("/" + name)
    old = cluster.kill("history")
    cluster.wait_restarted("history", old)
    for name in names:
        assert receiver.wait("/" + name, 2)[-1].body == b"1"
        wait_state(ask, name, "SUCCEEDED")


# -- chains of runs -----------------------------------------------------------------------------


def test_callbacks_go_with_the_chain(ask, receiver):
    name = unique("callbacks")
    run_id = start(ask, name, callback(receiver.url("/can")))
    again = Command(
        command_type=COMMAND.COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION,
        continue_as_new_workflow_execution_command_attributes=(
            ContinueAsNewWorkflowExecutionCommandAttributes(workflow_type=WorkflowType(name="Plain"))
        ),
    )
    act(ask, name, again)
    started = history(ask, name)[0].workflow_execution_started_event_attributes
    assert started.continued_execution_run_id == run_id
    assert started.completion_callbacks[0].nexus.url == receiver.url("/can")
    act(ask, name, done())
    (post,) = receiver.wait("/can")
    assert describe(ask, name).workflow_execution_info.execution.run_id in post.headers["Nexus-Link"]
    wait_state(ask, name, "SUCCEEDED")
    assert describe(ask, name, run_id).callbacks[0].state == CallbackState.CALLBACK_STATE_STANDBY
    assert len(receiver.posts) == 1


def test_callbacks_wait_for_the_last_attempt(ask, receiver):
    name = unique("callbacks")
    policy = RetryPolicy(initial_interval=Duration(seconds=1), maximum_attempts=2)
    start(ask, name, callback(receiver.url("/retry")), retry_policy=policy)
    act(ask, name, failed("first"))
    act(ask, name, failed("second"))
    (post,) = receiver.wait("/retry")
    assert json.loads(post.body)["message"] == "second"


def test_a_destination_that_is_down_is_left_alone(cluster, ask):
    cluster.set_dynamic(
        {**SETTINGS, "history.outboundQueue.circuitBreakerSettings": {"Timeout": "3s", "MaxRequests": 1}}
    )
    receiver = Receiver()  # a destination of its own
    try:
        name = unique("callbacks")
        receiver.plan["/down"] = [503] * 6
        start(ask, name, callback(receiver.url("/down")))
        act(ask, name, done())
        told = wait_state(ask, name, "BLOCKED")
        assert told.blocked_reason == "The circuit breaker is open." and told.attempt == 6
        assert len(receiver.posts) == 6
        wait_state(ask, name, "SUCCEEDED")
        assert len(receiver.posts) == 7
    finally:
        receiver.stop()
        cluster.set_dynamic(SETTINGS)


# -- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, text",
    [
        (
            callback("http://example.com/x"),
            "invalid url: url does not match any configured callback address: http://example.com/x",
        ),
        (
            callback("http://secure.example.com/x"),
            "invalid url: callback address does not allow insecure connections: http://secure.example.com/x",
        ),
        (callback("ftp://127.0.0.1:1/x"), "invalid url: unknown scheme: ftp://127.0.0.1:1/x"),
        (callback("somewhere"), "invalid url: unknown scheme: somewhere"),
        (callback("http:///x"), "invalid url: missing host"),
        (
            callback("http://127.0.0.1:1/" + "x" * 1000),
            "invalid url: url length longer than max length allowed of 1000",
        ),
        (
            callback("http://127.0.0.1:1/", a="x" * 8192),
            "invalid header: header size longer than max allowed size of 8192",
        ),
        (
            Callback(internal=Callback.Internal(data=b"x")),
            "unsupported callback variant: *common.Callback_Internal_",
        ),
    ],
)
def test_callbacks_that_go_nowhere_are_refused(ask, given, text):
    with pytest.raises(grpc.RpcError) as refused:
        start(ask, unique("callbacks"), given)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details() == text


def test_a_namespace_has_only_so_many_callbacks(cluster, ask, receiver):
    cluster.set_dynamic({**SETTINGS, "callback.maxPerExecution": 2})
    try:
        name = unique("callbacks")
        start(ask, name, *[callback(receiver.url("/"))] * 2)
        with pytest.raises(grpc.RpcError) as refused:
            ask(attach(name, callback(receiver.url("/"))))
        assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert refused.value.details() == (
            "cannot attach more than 2 callbacks to a workflow (2 callbacks already attached)"
        )
    finally:
        cluster.set_dynamic(SETTINGS)


# -- attaching to a running workflow ------------------------------------------------------------


def attach(name, *callbacks, **more):
    return request(
        name,
        *callbacks,
        workflow_id_conflict_policy=WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
        on_conflict_options=OnConflictOptions(
            attach_request_id=True, attach_completion_callbacks=True, attach_links=True
        ),
        **more,
    )


def test_a_second_start_attaches_its_callback(cluster, ask, receiver):
    name, second = unique("callbacks"), unique("request")
    run_id = start(ask, name, callback(receiver.url("/one")))
    wish = attach(name, callback(receiver.url("/two")), request_id=second)
    answer = ask(wish)
    assert answer.run_id == run_id and not answer.started
    reference = answer.link.workflow_event.request_id_ref
    assert reference.request_id == second
    assert reference.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED
    assert ask(wish) == answer  # the same request once more: nothing is attached twice

    events = history(ask, name)
    assert [e.event_type for e in events][2:] == [
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED
    ]
    updated = events[2].workflow_execution_options_updated_event_attributes
    assert updated.attached_request_id == second and len(updated.attached_completion_callbacks) == 1
    assert events[2].worker_may_ignore
    info = describe(ask, name).workflow_extended_info.request_id_infos[second]
    assert info.event_id == 3 and not info.buffered

    old = cluster.kill("history")
    cluster.wait_restarted("history", old)
    act(ask, name, done(text(b"1")))
    (one,), (two,) = receiver.wait("/one"), receiver.wait("/two")
    assert "EventReference" in one.headers["Nexus-Link"]
    assert f"RequestIdReference&requestID={second}" in two.headers["Nexus-Link"]
    wait_state(ask, name, "SUCCEEDED")
    late = ask(wish)  # known beyond the end: it starts nothing
    assert late.run_id == run_id and not late.started


def test_callbacks_need_the_request_id(ask, receiver):
    wish = attach(unique("callbacks"), callback(receiver.url("/")))
    wish.on_conflict_options.attach_request_id = False
    with pytest.raises(grpc.RpcError) as refused:
        ask(wish)
    assert refused.value.details() == (
        "attaching request ID is required for attaching completion callbacks"
    )


# -- options of running workflows ---------------------------------------------------------------


def change(ask, name, paths, **options):
    return ask(
        UpdateWorkflowExecutionOptionsRequest(
            namespace=NAMESPACE,
            workflow_execution=WorkflowExecution(workflow_id=name),
            workflow_execution_options=WorkflowExecutionOptions(**options),
            update_mask=FieldMask(paths=paths),
            identity="me",
        )
    ).workflow_execution_options


def test_options_are_changed_by_mask(ask):
    name = unique("options")
    start(ask, name, priority=Priority(priority_key=4, fairness_key="a"))
    merged = change(ask, name, ["priority.priority_key"], priority=Priority(priority_key=2, fairness_key="b"))
    assert merged.priority == Priority(priority_key=2, fairness_key="a")
    assert change(ask, name, ["priority.priority_key"], priority=Priority(priority_key=2)) == merged
    override = VersioningOverride(auto_upgrade=True)
    merged = change(ask, name, ["versioning_override"], versioning_override=override)
    assert merged.versioning_override.auto_upgrade and merged.priority.priority_key == 2
    info = describe(ask, name).workflow_execution_info
    shown = info.versioning_info.versioning_override
    assert shown.auto_upgrade and shown.behavior == VersioningBehavior.VERSIONING_BEHAVIOR_AUTO_UPGRADE
    assert info.search_attributes.indexed_fields["TemporalWorkflowVersioningBehavior"].data == b'"AutoUpgrade"'
    assert info.priority == Priority(priority_key=2, fairness_key="a")
    assert not change(ask, name, ["versioning_override"]).HasField("versioning_override")
    updated = [
        e.workflow_execution_options_updated_event_attributes
        for e in history(ask, name)
        if e.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED
    ]
    assert [u.unset_versioning_override for u in updated] == [True, False, True]
    assert all(u.identity == "me" and u.priority.priority_key == 2 for u in updated)
    act(ask, name, done())
    with pytest.raises(grpc.RpcError) as refused:
        change(ask, name, ["priority"], priority=Priority(priority_key=1))
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    assert refused.value.details() == "workflow execution already completed"


@pytest.mark.parametrize(
    "paths, options, code, text",
    [
        (
            ["nothing"],
            {},
            "INVALID_ARGUMENT",
            'error parsing UpdateMask: proto: invalid path "nothing" for message '
            '"temporal.api.workflow.v1.WorkflowExecutionOptions"',
        ),
        (["priority"], {"priority": Priority(priority_key=-1)}, "INVALID_ARGUMENT", "priority key can't be negative"),
        (
            ["versioning_override.behavior"],
            {},
            "INVALID_ARGUMENT",
            "error applying update_options: versioning_override fields must be updated together",
        ),
        (
            ["versioning_override"],
            {"versioning_override": VersioningOverride(pinned=VersioningOverride.PinnedOverride(behavior=1))},
            "FAILED_PRECONDITION",
            None,
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(ask, paths, options, code, text):
    name = unique("options")
    start(ask, name)
    with pytest.raises(grpc.RpcError) as refused:
        change(ask, name, paths, **options)
    assert refused.value.code() == getattr(grpc.StatusCode, code)
    if text:
        assert refused.value.details() == text
    assert len(history(ask, name)) == 2
