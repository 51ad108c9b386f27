"""scenarios.py - starts, ends, signals, cancellation, timers, markers, history reads."""
import time
import uuid

from temporalio.api.common.v1 import Header, Memo, Payload, Priority, RetryPolicy, SearchAttributes, WorkflowType
from temporalio.api.enums.v1 import (EventType, HistoryEventFilterType, WorkflowExecutionStatus,
                                     WorkflowIdConflictPolicy, WorkflowIdReusePolicy)
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.sdk.v1 import UserMetadata
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from lab import command, payloads, seconds

TEXT = Payload(metadata={"encoding": b"json/plain"}, data=b'"text"')


def end(x, task=None):
    """Complete the workflow and show what remains."""
    x.complete(task or x.poll(), command("complete_workflow_execution", result=payloads("done")))
    x.history()
    x.describe("describe closed")


def anew(x):
    """Another workflow in place of the last one."""
    x.workflow_id = f"{x.name}-{uuid.uuid4()}"
    x.queue = f"{x.name}-queue-{uuid.uuid4()}"
    x.start()


def each(x, cases):
    """Each bad command as the first answer of a workflow of its own; in the end a fresh one stands there."""
    for label, bad in cases.items():
        anew(x)
        if bad.WhichOneof("attributes") == "schedule_activity_task_command_attributes":
            attributes = bad.schedule_activity_task_command_attributes
            if attributes.task_queue.name.startswith(x.name):
                attributes.task_queue.name = x.queue
        x.complete(x.poll(label=label), bad, label=label)
        x.history(f"history: {label}")
    anew(x)


def s_hello(x):
    x.start(show=True, input=payloads("in"))
    x.describe("describe scheduled")
    x.history("history at the start")
    task = x.poll(show=True)
    x.describe("describe started")
    x.complete(task, command("complete_workflow_execution", result=payloads("done")), show=True)
    x.history()
    x.describe("describe closed")
    x.listed(status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED)


def s_start_everything(x):
    x.start(show=True, input=payloads("in", "two"), memo=Memo(fields={"m": TEXT, "n": TEXT}),
            search_attributes=SearchAttributes(indexed_fields={"CustomKeywordField": Payload(
                metadata={"encoding": b"json/plain", "type": b"Keyword"}, data=b'"k"')}),
            header=Header(fields={"h": TEXT}), user_metadata=UserMetadata(summary=TEXT, details=TEXT),
            priority=Priority(priority_key=2), workflow_task_timeout=seconds(7))
    x.start(show=True, label="start without search attributes", input=payloads("in", "two"), memo=Memo(fields={"m": TEXT}),
            header=Header(fields={"h": TEXT}), user_metadata=UserMetadata(summary=TEXT, details=TEXT),
            priority=Priority(priority_key=2, fairness_key="f", fairness_weight=2.0), workflow_task_timeout=seconds(7),
            workflow_run_timeout=seconds(100), workflow_execution_timeout=seconds(50),
            last_completion_result=payloads("last"), continued_failure=Failure(message="earlier"))
    x.describe()
    task = x.poll(show=True)
    end(x, task)
    x.listed(status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED)


def s_start_retry_policy_of_one(x):
    x.start(show=True, retry_policy=RetryPolicy(maximum_attempts=1))
    end(x)


def s_start_delay(x):
    x.start(show=True, workflow_start_delay=seconds(1), workflow_run_timeout=seconds(20))
    x.describe()
    end(x, x.poll(show=True))


def s_start_delay_signal(x):
    x.start(workflow_start_delay=seconds(60))
    x.signal()
    x.describe()
    end(x, x.poll(show=True))


def s_start_delay_cancel(x):
    x.start(workflow_start_delay=seconds(2))
    x.cancel()
    x.history()
    end(x, x.poll(show=True))


def s_start_delay_terminate(x):
    x.start(workflow_start_delay=seconds(60))
    x.terminate(reason="r")
    x.history()
    x.describe()


def s_start_long_task_timeout(x):
    x.start(workflow_task_timeout=seconds(1000), workflow_run_timeout=seconds(60))
    x.history()
    x.describe()


def s_start_sub_second_timeouts(x):
    x.start(workflow_task_timeout=seconds(1.5), workflow_run_timeout=seconds(60.25))
    x.history()
    x.describe()


def s_fail_workflow(x):
    x.start()
    task = x.poll()
    x.complete(task, command("fail_workflow_execution", failure=Failure(
        message="no", source="test", stack_trace="here", cause=Failure(message="deep"),
        application_failure_info=ApplicationFailureInfo(type="T", non_retryable=True, details=payloads("d")))))
    x.history()
    x.describe()
    x.listed(status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_FAILED)


def s_cancel_workflow(x):
    x.start()
    x.cancel(reason="because")
    x.describe("describe with the request")
    task = x.poll(show=True)
    x.complete(task, command("cancel_workflow_execution", details=payloads("gone")))
    x.history()
    x.describe()
    x.listed(status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CANCELED)


def s_cancel_twice(x):
    x.start()
    one = str(uuid.uuid4())
    x.cancel(request_id=one)
    x.cancel("cancel same request", request_id=one)
    x.cancel("cancel other request")
    x.outline()
    task = x.poll()
    x.cancel("cancel while started")
    end(x, task)
    x.cancel("cancel closed")
    x.cancel("cancel closed without run", execution=x.execution(run_id=""))


def s_cancel_while_started(x):
    x.start()
    task = x.poll()
    x.cancel()
    x.cancel("cancel again")
    x.history("history while started")
    x.complete(task)
    end(x, x.poll(show=True))


def s_cancel_first_run_id(x):
    x.start()
    x.cancel("other chain", first_execution_run_id=str(uuid.uuid4()))
    x.cancel("right chain", first_execution_run_id=x.run_id)
    x.terminate("terminate other chain", first_execution_run_id=str(uuid.uuid4()))
    x.terminate("terminate right chain", first_execution_run_id=x.run_id)
    x.outline()


def s_terminate_scheduled(x):
    x.start()
    x.terminate(reason="because", details=payloads("d"))
    x.history()
    x.describe()
    x.terminate("terminate again")
    x.listed(status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED)


def s_terminate_started(x):
    x.start()
    task = x.poll()
    x.signal()
    x.terminate(reason="because")
    x.complete(task, label="complete after the end")
    x.fail_task(task, label="fail after the end")
    x.history()
    x.describe()


def s_terminate_idle(x):
    x.start()
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60)),
               command("schedule_activity_task", activity_id="a", start_to_close_timeout=seconds(5)))
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60)))
    x.terminate(reason="because")
    x.history()
    x.describe()


def s_run_timeout(x):
    x.start(workflow_run_timeout=seconds(1))
    x.describe()
    task = x.poll()
    x.complete(task, command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60)))
    x.await_close()
    x.history()
    x.describe("describe closed")
    x.listed(status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TIMED_OUT)


def s_run_timeout_while_started(x):
    x.start(workflow_run_timeout=seconds(2))
    task = x.poll()
    x.signal()
    x.await_close()
    x.complete(task)
    x.history()
    x.describe("describe closed")


def s_run_timeout_scheduled(x):
    x.start(workflow_run_timeout=seconds(1))
    x.await_close()
    x.history()
    x.describe("describe closed")


def s_execution_timeout(x):
    x.start(workflow_execution_timeout=seconds(1))
    x.describe()
    x.complete(x.poll())
    x.await_close()
    x.history()
    x.describe("describe closed")


def s_both_timeouts(x):
    x.start(workflow_execution_timeout=seconds(2), workflow_run_timeout=seconds(1), workflow_task_timeout=seconds(20))
    x.history("history at the start")
    x.describe()
    x.await_close()
    x.history()


def s_id_policies(x):
    conflict, reuse = WorkflowIdConflictPolicy, WorkflowIdReusePolicy
    first = str(uuid.uuid4())
    x.start(show=True, request_id=first)
    x.start(show=True, label="same request", request_id=first)
    for policy in (conflict.WORKFLOW_ID_CONFLICT_POLICY_FAIL, conflict.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
                   conflict.WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED):
        x.start(show=True, label="running, " + conflict.Name(policy), workflow_id_conflict_policy=policy)
    for policy in reuse.values():
        if policy != reuse.WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING:
            x.start(show=True, label="running, " + reuse.Name(policy), workflow_id_reuse_policy=policy)
    x.outline()
    old = x.run_id
    x.start(show=True, label="terminate existing",
            workflow_id_conflict_policy=conflict.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING)
    x.history("history of the new")
    x.history("history of the old", execution=x.execution(run_id=old))
    old = x.run_id
    x.start(show=True, label="terminate if running",
            workflow_id_reuse_policy=reuse.WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING)
    x.history("history of the old", execution=x.execution(run_id=old))
    x.terminate()
    x.start(show=True, label="closed, reject duplicate",
            workflow_id_reuse_policy=reuse.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE)
    x.start(show=True, label="terminated, failed only",
            workflow_id_reuse_policy=reuse.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY)
    x.complete(x.poll(), command("complete_workflow_execution"))
    x.start(show=True, label="completed, failed only",
            workflow_id_reuse_policy=reuse.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY)
    x.start(show=True, label="completed, use existing",
            workflow_id_conflict_policy=conflict.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
    x.start(show=True, label="first request again", request_id=first)
    x.describe()


def s_signals(x):
    x.start()
    x.signal("before", input=payloads("1"))
    task = x.poll(show=True)
    x.signal("while", input=payloads("2"))
    x.signal("while2")
    x.history("history while started")
    x.describe("describe while started")
    x.complete(task)
    x.history("history after the first")
    task = x.poll(show=True)
    x.complete(task)
    x.signal("after", input=payloads("3"))
    x.describe("describe after")
    end(x)
    x.signal("closed", label="signal closed")
    x.signal("closed", label="signal closed without run", execution=x.execution(run_id=""))


def s_signal_same_request(x):
    x.start()
    one = str(uuid.uuid4())
    x.signal("a", request_id=one)
    x.signal("a", request_id=one)
    task = x.poll()
    two = str(uuid.uuid4())
    x.signal("b", request_id=two)
    x.signal("b", request_id=two)
    x.signal("header", header={"fields": {"h": TEXT}}, control="control")
    x.complete(task)
    end(x)


def s_many_signals(x):
    x.start()
    task = x.poll()
    for i in range(150):
        x.signal(f"s{i}", input=payloads(str(i)))
    x.outline("outline while started")
    x.complete(task)
    x.outline("outline after")
    task = x.poll()
    end(x, task)


def s_signal_and_cancel_order(x):
    x.start()
    task = x.poll()
    x.signal("one")
    x.cancel()
    x.signal("two")
    x.complete(task)
    end(x)


def s_unhandled_command(x):
    x.start()
    task = x.poll()
    x.signal()
    x.complete(task, command("complete_workflow_execution"))
    x.history()
    x.describe()
    task = x.poll(show=True)
    end(x, task)


def s_timers(x):
    x.start()
    x.complete(x.poll(), command("start_timer", timer_id="short", start_to_fire_timeout=seconds(1)),
               command("start_timer", timer_id="long", start_to_fire_timeout=seconds(60)))
    x.describe()
    x.complete(x.poll(), command("cancel_timer", timer_id="long"))
    x.signal()
    x.complete(x.poll(), command("start_timer", timer_id="again", start_to_fire_timeout=seconds(60)),
               command("cancel_timer", timer_id="again"),
               command("start_timer", timer_id="again", start_to_fire_timeout=seconds(60)))
    x.signal()
    end(x)


def s_timer_fires_while_started(x):
    x.start()
    x.complete(x.poll(), command("start_timer", timer_id="short", start_to_fire_timeout=seconds(1)),
               force_create_new_workflow_task=True)
    task = x.poll()
    time.sleep(1.5)
    x.outline()
    x.complete(task)
    end(x)


def s_timer_canceled_after_it_fired(x):
    x.start()
    x.complete(x.poll(), command("start_timer", timer_id="short", start_to_fire_timeout=seconds(1)),
               force_create_new_workflow_task=True)
    task = x.poll()
    time.sleep(1.5)
    x.complete(task, command("cancel_timer", timer_id="short"))
    x.outline()
    x.signal()
    end(x)


def s_timer_user_metadata(x):
    x.start()
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(1),
                                 user_metadata=UserMetadata(summary=TEXT)))
    end(x)


def s_markers(x):
    x.start()
    x.complete(x.poll(), command("record_marker", marker_name="Version", details={"a": payloads("1"), "b": payloads("2")},
                                 header=Header(fields={"h": TEXT})),
               command("record_marker", marker_name="LocalActivity", failure=Failure(message="f"),
                       user_metadata=UserMetadata(summary=TEXT)))
    x.signal()
    end(x)


def s_history_reads(x):
    x.start()
    for i in range(3):
        x.signal(f"s{i}")
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60)))
    x.history("one by one", maximum_page_size=1)
    x.history("two by two", maximum_page_size=2)
    both = dict(namespace="default", execution=x.execution())
    page = x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
        history_event_filter_type=HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT, **both))
    x.show("close event of a running one", page)
    page = x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(wait_new_event=True, **both))
    x.show("waiting, first", page)
    thread = x.behind(lambda: x.show("waiting, second", x.call(
        "GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
            wait_new_event=True, next_page_token=page.next_page_token, **both))))
    time.sleep(0.3)
    x.signal("later")
    thread.join(15)
    waiter = x.behind(lambda: x.show("waiting for the close", x.call(
        "GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
            wait_new_event=True, history_event_filter_type=HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
            **both), timeout=30)))
    task = x.poll()
    x.complete(task, command("complete_workflow_execution"))
    waiter.join(15)
    x.show("close event", x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
        history_event_filter_type=HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT, **both)))
    x.show("waiting on a closed one", x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
        wait_new_event=True, **both)))
    x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
        namespace="default", execution=x.execution(run_id=str(uuid.uuid4()))), label="token of another run")
    x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
        namespace="default", execution=x.execution(run_id=str(uuid.uuid4())), next_page_token=page.next_page_token),
        label="token and other run", show=True)
    x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(maximum_page_size=-1, **both),
           label="negative page size", show=True)
    x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(skip_archival=True, **both),
           label="skip archival", show=True)


def s_queue_describe(x):
    x.call("DescribeTaskQueue", api.DescribeTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=x.queue), task_queue_type=1), label="queue unused", show=True)
    x.start()
    x.complete(x.poll())
    x.call("DescribeTaskQueue", api.DescribeTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=x.queue), task_queue_type=1), label="queue polled", show=True)
    x.call("DescribeTaskQueue", api.DescribeTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=x.queue)), label="queue, no type", show=True)
    x.call("DescribeTaskQueue", api.DescribeTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=x.queue), task_queue_type=2), label="activity queue", show=True)
