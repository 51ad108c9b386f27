"""test_limits.py - limits of one workflow: what happens at each and past it, with small values from the file."""

import json

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import (
    ActivityType,
    Link,
    Memo,
    Payload,
    RetryPolicy,
    SearchAttributes,
    WorkflowExecution,
    WorkflowType,
)
from temporalio.api.enums.v1 import EventType, WorkflowExecutionStatus, WorkflowTaskFailedCause
from temporalio.api.failure.v1 import Failure
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    GetWorkflowExecutionHistoryRequest,
    ListWorkflowExecutionsRequest,
    PollActivityTaskQueueRequest,
    QueryWorkflowRequest,
    RecordActivityTaskHeartbeatRequest,
    RespondActivityTaskCompletedRequest,
    RespondActivityTaskFailedRequest,
    SignalWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
)

import harness
from limits import Limited, command, payloads, refused

TERMINATED = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED


@pytest.fixture(scope="module")
def limited():
    limited = Limited()
    yield limited
    limited.stop()


def signal(space, workflow_id, size=0, **fields):
    return space.call(
        "SignalWorkflowExecution",
        SignalWorkflowExecutionRequest(
            namespace=space.name,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            signal_name="s",
            input=payloads(size) if size else None,
            **fields,
        ),
    )


def activity(n, **fields):
    return command(
        "schedule_activity_task",
        activity_id=f"a{n}",
        activity_type=ActivityType(name="A"),
        task_queue=TaskQueue(name="aq"),
        start_to_close_timeout=Duration(seconds=30),
        **fields,
    )


def begun(space, **fields):
    """A workflow with its first task handed out: (workflow id, task)."""
    workflow_id = harness.unique("w")
    space.queue = harness.unique("q")
    space.start(workflow_id, **fields)
    return workflow_id, space.poll()


def failed_causes(space, workflow_id):
    return [
        (WorkflowTaskFailedCause.Name(e.workflow_task_failed_event_attributes.cause).removeprefix(
            "WORKFLOW_TASK_FAILED_CAUSE_"), e.workflow_task_failed_event_attributes.failure.message)
        for e in space.events(workflow_id)
        if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]


def terminated_by(space, workflow_id):
    last = space.events(workflow_id)[-1]
    assert last.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED, last
    return last.workflow_execution_terminated_event_attributes.reason


# -- payloads and memos --------------------------------------------------------------------------


def test_requests_with_payloads_past_the_limit_are_refused(limited):
    space = limited.namespace(limit__blobSize__error=1000)
    space.start(input=payloads(900))
    why = refused(space.start, input=payloads(1100))
    assert (why.code, why.text) == ("INVALID_ARGUMENT", "Blob data size exceeds limit.")
    workflow_id, task = begun(space)
    signal(space, workflow_id, 900)
    why = refused(signal, space, workflow_id, 1100)
    assert (why.code, why.text) == ("INVALID_ARGUMENT", "Blob data size exceeds limit.")
    # another namespace has the default
    limited.namespace().start(input=payloads(100_000))


COMMANDS_TOO_LARGE = {
    "complete": (
        lambda: command("complete_workflow_execution", result=payloads(1100)),
        "CompleteWorkflowExecutionCommandAttributes.Result exceeds size limit.",
    ),
    "fail": (
        lambda: command("fail_workflow_execution", failure=Failure(message="x" * 1100)),
        "FailWorkflowExecutionCommandAttributes.Failure exceeds size limit.",
    ),
    "activity": (
        lambda: activity(1, input=payloads(1100)),
        "ScheduleActivityTaskCommandAttributes.Input exceeds size limit.",
    ),
    "marker": (
        lambda: command("record_marker", marker_name="m", details={"d": payloads(1100)}),
        "RecordMarkerCommandAttributes.Details exceeds size limit.",
    ),
}


@pytest.mark.parametrize("name", COMMANDS_TOO_LARGE)
def test_a_command_with_a_payload_past_the_limit_terminates_the_workflow(limited, name):
    make, text = COMMANDS_TOO_LARGE[name]
    space = limited.namespace(limit__blobSize__error=1000)
    workflow_id, task = begun(space)
    why = refused(space.complete, task, make())
    assert why.code == "INVALID_ARGUMENT" and why.text.endswith(text), why.text
    assert terminated_by(space, workflow_id).endswith(text)
    assert space.describe(workflow_id).workflow_execution_info.status == TERMINATED


def test_an_activity_result_past_the_limit_fails_the_activity(limited):
    space = limited.namespace(limit__blobSize__error=1000)
    workflow_id, task = begun(space)
    space.complete(task, activity(1, retry_policy=RetryPolicy(maximum_attempts=1)))
    polled = space.call(
        "PollActivityTaskQueue",
        PollActivityTaskQueueRequest(namespace=space.name, task_queue=TaskQueue(name="aq"), identity="i"),
        timeout=30,
    )
    space.call(
        "RespondActivityTaskCompleted",
        RespondActivityTaskCompletedRequest(
            namespace=space.name, task_token=polled.task_token, result=payloads(1100)
        ),
    )
    failed = [e for e in space.events(workflow_id) if e.HasField("activity_task_failed_event_attributes")]
    assert failed[0].activity_task_failed_event_attributes.failure.message == "Complete result exceeds size limit."


def test_memos_have_a_limit_of_their_own(limited):
    space = limited.namespace(limit__memoSize__error=500)
    space.start(input=payloads(600), memo=Memo(fields={"m": Payload(data=b"x" * 400)}))
    why = refused(space.start, memo=Memo(fields={"m": Payload(data=b"x" * 600)}))
    assert (why.code, why.text) == ("INVALID_ARGUMENT", "Memo size exceeds limit.")
    workflow_id, task = begun(space, memo=Memo(fields={"m": Payload(data=b"x" * 400)}))
    added = Memo(fields={"n": Payload(data=b"x" * 400)})
    why = refused(space.complete, task, command("modify_workflow_properties", upserted_memo=added))
    assert why.text.endswith("ModifyWorkflowPropertiesCommandAttributes. Memo exceeds size limit.")
    assert terminated_by(space, workflow_id).endswith("Memo exceeds size limit.")


# -- ids -----------------------------------------------------------------------------------------


def test_ids_may_be_as_long_as_the_file_says(limited):
    space = limited.namespace()
    limited.apply({**limited.entries, "limit.maxIDLength": 60})
    try:
        space.start("w" * 60)
        why = refused(space.start, "w" * 61)
        assert why.text == "WorkflowId exceeds maximum allowed length (61/60)"
        why = refused(space.start, "short", identity="i", workflow_type=WorkflowType(name="t" * 61))
        assert why.text == "WorkflowType length exceeds limit."
        task = space.poll()
        why = refused(space.complete, task, activity("1" * 60))
        assert "activityId exceeds length limit. Length=61 Limit=60" in why.text
    finally:
        limited.apply(limited.entries)
    space.start("w" * 61)


def test_a_start_is_known_by_a_request_id_of_any_length(limited):
    space = limited.namespace()
    workflow_id, request_id = harness.unique("w"), "r" * 1000
    request = StartWorkflowExecutionRequest(
        namespace=space.name,
        workflow_id=workflow_id,
        workflow_type=WorkflowType(name="Limited"),
        task_queue=TaskQueue(name="q"),
        request_id=request_id,
    )
    first = space.call("StartWorkflowExecution", request)
    again = space.call("StartWorkflowExecution", request)
    assert again.run_id == first.run_id
    request.request_id = request_id[:-1] + "s"
    why = refused(space.call, "StartWorkflowExecution", request)
    assert why.code == "ALREADY_EXISTS"
    request.request_id = request_id + "r"
    why = refused(space.call, "StartWorkflowExecution", request)
    assert (why.code, why.text) == ("INVALID_ARGUMENT", "RequestId length exceeds limit.")


# -- how much a workflow may do at a time ----------------------------------------------------------

PENDING = {
    "activities": (
        "limit__numPendingActivities__error",
        lambda n: activity(n),
        "PENDING_ACTIVITIES_LIMIT_EXCEEDED",
        "the number of pending activities, 2, has reached the per-workflow limit of 2",
    ),
    "children": (
        "limit__numPendingChildExecutions__error",
        lambda n: command(
            "start_child_workflow_execution",
            workflow_id=harness.unique("child"),
            workflow_type=WorkflowType(name="C"),
            task_queue=TaskQueue(name="cq"),
        ),
        "PENDING_CHILD_WORKFLOWS_LIMIT_EXCEEDED",
        "the number of pending child workflow executions, 2, has reached the per-workflow limit of 2",
    ),
    "signals": (
        "limit__numPendingSignals__error",
        lambda n: command(
            "signal_external_workflow_execution",
            execution=WorkflowExecution(workflow_id="nobody"),
            signal_name="s",
        ),
        "PENDING_SIGNALS_LIMIT_EXCEEDED",
        "the number of pending signals to external workflows, 2, has reached the per-workflow limit of 2",
    ),
    "cancels": (
        "limit__numPendingCancelRequests__error",
        lambda n: command("request_cancel_external_workflow_execution", workflow_id="nobody"),
        "PENDING_REQUEST_CANCEL_LIMIT_EXCEEDED",
        "the number of pending requests to cancel external workflows, 2, has reached the per-workflow limit of 2",
    ),
}


@pytest.mark.parametrize("name", PENDING)
def test_pending_items_are_bounded(limited, name):
    key, make, cause, text = PENDING[name]
    space = limited.namespace(**{key: 2})
    workflow_id, task = begun(space)
    why = refused(space.complete, task, make(1), make(2), make(3))
    assert why.code == "INVALID_ARGUMENT" and text in why.text, why.text
    assert failed_causes(space, workflow_id)[0][0] == cause
    space.complete(space.poll(), make(1), make(2))


def test_a_limit_of_zero_pending_items_is_none(limited):
    space = limited.namespace(limit__numPendingActivities__error=0)
    workflow_id, task = begun(space)
    space.complete(task, *[activity(n) for n in range(20)])


def test_signals_of_a_run_are_bounded(limited):
    space = limited.namespace(history__maximumSignalsPerExecution=2)
    workflow_id, task = begun(space)
    signal(space, workflow_id)
    signal(space, workflow_id)
    why = refused(signal, space, workflow_id)
    assert (why.code, why.text) == ("INVALID_ARGUMENT", "exceeded workflow execution limit for signal events")


def test_too_many_buffered_events_fail_the_workflow_task(limited):
    space = limited.namespace()
    limited.apply({**limited.entries, "history.maximumBufferedEventsBatch": 3})
    try:
        workflow_id, task = begun(space)
        for _ in range(3):
            signal(space, workflow_id)
        assert not failed_causes(space, workflow_id)
        signal(space, workflow_id)
        assert failed_causes(space, workflow_id)[0][0] == "FORCE_CLOSE_COMMAND"
        assert refused(space.complete, task).code == "NOT_FOUND"
    finally:
        limited.apply(limited.entries)


# -- histories -------------------------------------------------------------------------------------


def test_a_history_past_its_count_ends_the_workflow(limited):
    space = limited.namespace(limit__historyCount__error=8)
    workflow_id, task = begun(space)
    space.complete(task)  # 4 events
    signal(space, workflow_id)  # and a task: 6
    signal(space, workflow_id)
    signal(space, workflow_id)  # 8
    signal(space, workflow_id)  # looks at what there was before it
    why = refused(signal, space, workflow_id)
    assert (why.code, why.text) == ("INVALID_ARGUMENT", "Workflow history count exceeds limit.")
    assert terminated_by(space, workflow_id) == "Workflow history count exceeds limit."
    why = refused(signal, space, workflow_id)
    assert (why.code, why.text) == ("NOT_FOUND", "workflow execution already completed")


def test_a_history_past_its_size_ends_the_workflow(limited):
    space = limited.namespace(limit__historySize__error=20_000)
    workflow_id, task = begun(space)
    space.complete(task)
    signal(space, workflow_id, 30_000)  # what was there before counts
    why = refused(signal, space, workflow_id)
    assert (why.code, why.text) == ("INVALID_ARGUMENT", "Workflow history size exceeds limit.")
    assert terminated_by(space, workflow_id) == "Workflow history size exceeds limit."


def test_activities_meet_the_limit_too(limited):
    space = limited.namespace(limit__historyCount__error=7)
    workflow_id, task = begun(space)
    space.complete(task, activity(1))  # 5 events
    polled = space.call(
        "PollActivityTaskQueue",
        PollActivityTaskQueueRequest(namespace=space.name, task_queue=TaskQueue(name="aq"), identity="i"),
        timeout=30,
    )
    answer = RespondActivityTaskCompletedRequest(namespace=space.name, task_token=polled.task_token)
    # Started and Completed come when the task is answered, and a workflow task with them: 8 events
    why = refused(space.call, "RespondActivityTaskCompleted", answer)
    assert (why.code, why.text) == ("INVALID_ARGUMENT", "Workflow history count exceeds limit.")
    assert terminated_by(space, workflow_id) == "Workflow history count exceeds limit."


def test_a_state_past_its_size_ends_the_workflow(limited):
    space = limited.namespace()
    limited.apply({**limited.entries, "limit.mutableStateSize.error": 60_000})
    try:
        workflow_id, task = begun(space)
        space.complete(task, *[activity(n, input=payloads(30_000)) for n in range(4)])  # inputs do not count
        beats = []
        for _ in range(3):
            polled = space.call(
                "PollActivityTaskQueue",
                PollActivityTaskQueueRequest(namespace=space.name, task_queue=TaskQueue(name="aq"), identity="i"),
                timeout=30,
            )
            beats.append(
                RecordActivityTaskHeartbeatRequest(
                    namespace=space.name, task_token=polled.task_token, details=payloads(25_000)
                )
            )
        for beat in beats[:2]:
            space.call("RecordActivityTaskHeartbeat", beat)
        why = refused(space.call, "RecordActivityTaskHeartbeat", beats[2])
        assert (why.code, why.text) == ("INVALID_ARGUMENT", "Workflow mutable state size exceeds limit.")
        assert terminated_by(space, workflow_id) == "Workflow mutable state size exceeds limit."
    finally:
        limited.apply(limited.entries)


def test_workers_are_told_to_continue_as_new(limited):
    space = limited.namespace(limit__historyCount__suggestContinueAsNew=4)
    workflow_id, task = begun(space)
    assert not [e for e in task.history.events if e.workflow_task_started_event_attributes.suggest_continue_as_new]
    space.complete(task)
    signal(space, workflow_id)
    started = space.poll().history.events[-1].workflow_task_started_event_attributes
    assert started.suggest_continue_as_new


# -- attributes, links, pages, times -----------------------------------------------------------------


def change_version(size):
    return SearchAttributes(
        indexed_fields={
            "TemporalChangeVersion": Payload(
                metadata={"encoding": b"json/plain", "type": b"KeywordList"},
                data=json.dumps(["x" * size]).encode(),
            )
        }
    )


def test_search_attributes_are_bounded(limited):
    space = limited.namespace(
        frontend__searchAttributesSizeOfValueLimit=100, frontend__searchAttributesNumberOfKeysLimit=1
    )
    space.start(search_attributes=change_version(90))
    why = refused(space.start, search_attributes=change_version(100))
    assert why.text == "search attribute TemporalChangeVersion value size 104 exceeds size limit 100"
    two = change_version(1)
    two.indexed_fields["BuildIds"].CopyFrom(two.indexed_fields["TemporalChangeVersion"])
    why = refused(space.start, search_attributes=two)
    assert why.text == "number of search attributes 2 exceeds limit 1"
    small = limited.namespace(frontend__searchAttributesTotalSizeLimit=60)
    why = refused(small.start, search_attributes=change_version(60))
    assert why.text.startswith("total size of search attributes ") and why.text.endswith(" exceeds size limit 60")
    workflow_id, task = begun(small)
    upsert = command("upsert_workflow_search_attributes", search_attributes=change_version(60))
    why = refused(small.complete, task, upsert)
    assert "exceeds size limit 60" in why.text
    assert "exceeds size limit 60" in terminated_by(small, workflow_id)


def test_links_are_bounded(limited):
    space = limited.namespace(frontend__maxlinksPerRequest=1, frontend__linkMaxSize=200)

    def link(size):
        return Link(workflow_event=Link.WorkflowEvent(namespace=space.name, workflow_id="w" * size, run_id="r"))

    space.start(links=[link(10)])
    why = refused(space.start, links=[link(10), link(10)])
    assert why.text == "cannot attach more than 1 links per request, got 2"
    assert "link exceeds allowed size of 200, got " in refused(space.start, links=[link(200)]).text


def test_pages_are_as_large_as_the_file_says(limited):
    space = limited.namespace(frontend__historyMaxPageSize=2, frontend__visibilityMaxPageSize=3)
    workflow_id, task = begun(space)
    page = space.call(
        "GetWorkflowExecutionHistory",
        GetWorkflowExecutionHistoryRequest(
            namespace=space.name, execution=WorkflowExecution(workflow_id=workflow_id), maximum_page_size=100
        ),
    )
    assert len(page.history.events) == 2 and page.next_page_token
    assert len(space.events(workflow_id)) == 3
    for _ in range(4):
        space.start()
    listed = space.call("ListWorkflowExecutions", ListWorkflowExecutionsRequest(namespace=space.name, page_size=100))
    assert len(listed.executions) == 3 and listed.next_page_token


def test_time_outs_and_retries_that_nobody_named(limited):
    policy = {"InitialIntervalInSeconds": 3, "MaximumIntervalCoefficient": 10, "BackoffCoefficient": 1.5}
    space = limited.namespace(
        history__defaultWorkflowTaskTimeout="7s",
        history__defaultActivityRetryPolicy={**policy, "MaximumAttempts": 4},
        history__defaultWorkflowRetryPolicy=policy,
    )
    workflow_id, task = begun(space, retry_policy=RetryPolicy(maximum_attempts=2))
    started = space.events(workflow_id)[0].workflow_execution_started_event_attributes
    assert started.workflow_task_timeout.seconds == 7
    assert started.retry_policy.initial_interval.seconds == 3
    assert started.retry_policy.maximum_interval.seconds == 30
    assert started.retry_policy.backoff_coefficient == 1.5
    assert started.retry_policy.maximum_attempts == 2
    space.complete(task, activity(1))
    scheduled = space.events(workflow_id)[-1].activity_task_scheduled_event_attributes
    assert scheduled.retry_policy.maximum_attempts == 4
    assert scheduled.retry_policy.maximum_interval.seconds == 30


def test_long_polls_last_as_long_as_the_file_says(limited):
    space = limited.namespace(
        history__longPollExpirationInterval="300ms", matching__longPollExpirationInterval="300ms"
    )
    workflow_id, task = begun(space)
    space.complete(task)
    answer = space.call(
        "GetWorkflowExecutionHistory",
        GetWorkflowExecutionHistoryRequest(
            namespace=space.name,
            execution=WorkflowExecution(workflow_id=workflow_id),
            wait_new_event=True,
            next_page_token=space.call(
                "GetWorkflowExecutionHistory",
                GetWorkflowExecutionHistoryRequest(
                    namespace=space.name,
                    execution=WorkflowExecution(workflow_id=workflow_id),
                    wait_new_event=True,
                ),
            ).next_page_token,
        ),
        timeout=10,
    )
    assert not answer.history.events and answer.next_page_token
    empty = space.call(
        "PollActivityTaskQueue",
        PollActivityTaskQueueRequest(namespace=space.name, task_queue=TaskQueue(name="aq"), identity="i"),
        timeout=10,
    )
    assert not empty.task_token


def test_starts_of_one_id_can_be_kept_apart(limited):
    space = limited.namespace(
        history__enableWorkflowIdReuseStartTimeValidation=True, history__workflowIdReuseMinimalInterval="1h"
    )
    workflow_id, task = begun(space)
    space.complete(task, command("complete_workflow_execution"))
    why = refused(space.start, workflow_id)
    assert why.code == "RESOURCE_EXHAUSTED"
    assert why.text.startswith(f"Too many starts for workflow {workflow_id}. Time since last start: ")
    workflow_id, task = begun(space)
    why = refused(space.start, workflow_id, workflow_id_conflict_policy="WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING")
    assert why.text.startswith(f"Too many restarts for workflow {workflow_id}. Time since last start: ")
    limited.namespace().start(workflow_id)


def test_starts_of_children_are_kept_apart_too(limited):
    space = limited.namespace(
        history__enableWorkflowIdReuseStartTimeValidation=True, history__workflowIdReuseMinimalInterval="1200ms"
    )
    parent, task = begun(space)
    child = harness.unique("child")
    start = command(
        "start_child_workflow_execution",
        workflow_id=child,
        workflow_type=WorkflowType(name="C"),
        task_queue=TaskQueue(name=space.queue + "-c"),
    )
    own, starts = space.queue, []
    for _ in range(2):
        space.complete(task, start)
        space.queue = own + "-c"
        child_task = space.poll()
        starts.append(child_task.history.events[0].event_time.ToNanoseconds())
        space.complete(child_task, command("complete_workflow_execution"))
        space.queue = own
        task = space.poll()
        if not any(e.HasField("child_workflow_execution_completed_event_attributes") for e in task.history.events):
            space.complete(task)
            task = space.poll()
    assert starts[1] - starts[0] >= 1_200_000_000


def test_runs_that_continue_are_kept_apart(limited):
    space = limited.namespace(history__workflowIdReuseMinimalInterval="100ms")
    _, task = begun(space)
    first = task.history.events[0].event_time.ToNanoseconds()
    space.complete(
        task,
        command(
            "continue_as_new_workflow_execution",
            workflow_type=WorkflowType(name="Limited"),
            task_queue=TaskQueue(name=space.queue),
        ),
    )
    started = space.poll().history.events[0]
    backoff = started.workflow_execution_started_event_attributes.first_workflow_task_backoff.ToNanoseconds()
    assert backoff <= 100_000_000
    assert started.event_time.ToNanoseconds() + backoff - first >= 100_000_000


def test_an_answer_that_makes_a_state_too_large_is_not_carried_out(limited):
    space = limited.namespace()
    limited.apply({**limited.entries, "limit.mutableStateSize.error": 20_000})
    try:
        workflow_id, task = begun(space)
        why = refused(space.complete, task, *[activity(n, header={"fields": {"a": Payload(data=b"h")}}) for n in range(200)])
        assert why.text == "Workflow mutable state size exceeds limit."
        types = [e.event_type for e in space.events(workflow_id)]
        assert EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED not in types
        assert terminated_by(space, workflow_id) == why.text
    finally:
        limited.apply(limited.entries)


def test_an_answer_with_too_many_bytes_ends_the_workflow(limited):
    space = limited.namespace()
    limited.apply({**limited.entries, "system.transactionSizeLimit": 50_000})
    try:
        workflow_id, task = begun(space)
        space.complete(task, *[activity(n, input=payloads(20_000)) for n in range(2)])
        signal(space, workflow_id)
        why = refused(space.complete, space.poll(), *[activity(n, input=payloads(20_000)) for n in range(2, 5)])
        assert why.code == "INVALID_ARGUMENT"
        assert why.text.startswith("transaction size of 6") and why.text.endswith(" bytes exceeds limit of 50000 bytes")
        assert terminated_by(space, workflow_id) == "Transaction size exceeds limit."
        last = space.events(workflow_id)[-1].workflow_execution_terminated_event_attributes
        assert json.loads(last.details.payloads[0].data) == why.text
    finally:
        limited.apply(limited.entries)


def test_failures_of_attempts_are_kept_as_long_as_the_file_says(limited):
    space = limited.namespace(limit__mutableStateActivityFailureSize__error=200)
    workflow_id, task = begun(space)
    space.complete(task, activity(1, retry_policy=RetryPolicy(initial_interval=Duration(seconds=60))))
    polled = space.call(
        "PollActivityTaskQueue",
        PollActivityTaskQueueRequest(namespace=space.name, task_queue=TaskQueue(name="aq"), identity="i"),
        timeout=30,
    )
    space.call(
        "RespondActivityTaskFailed",
        RespondActivityTaskFailedRequest(
            namespace=space.name,
            task_token=polled.task_token,
            failure=Failure(message="m" * 1000, application_failure_info={"type": "T"}),
        ),
    )
    kept = space.describe(workflow_id).pending_activities[0].last_failure
    assert kept.message == "Failure exceeds size limit."
    assert 100 < len(kept.cause.message) <= 200


def test_eager_execution_may_be_switched_off(limited):
    off = limited.namespace(system__enableEagerWorkflowStart=False, system__enableActivityEagerExecution=False)
    for space, eager in ((off, False), (limited.namespace(), True)):
        space.queue = harness.unique("q")
        started = space.start(request_eager_execution=True)
        assert started.HasField("eager_workflow_task") == eager
        task = started.eager_workflow_task if eager else space.poll()
        answer = space.complete(task, activity(1, request_eager_execution=True))
        assert len(answer.activity_tasks) == eager
        namespace = space.call("DescribeNamespace", DescribeNamespaceRequest(namespace=space.name)).namespace_info
        assert namespace.capabilities.eager_workflow_start == eager


def test_queries_may_be_forbidden(limited):
    space = limited.namespace(system__disallowQuery=True)
    workflow_id, _ = begun(space)
    request = QueryWorkflowRequest(namespace=space.name, execution=WorkflowExecution(workflow_id=workflow_id))
    why = refused(space.call, "QueryWorkflow", request)
    assert (why.code, why.text) == (
        "INVALID_ARGUMENT",
        "Namespace is not allowed to query, please contact temporal team to re-enable queries.",
    )
