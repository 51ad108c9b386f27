"""scenarios_task.py - workflow tasks: failures, time-outs, transient attempts, sticky queues, bad answers."""
import time

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.sdk.v1 import WorkflowTaskCompletedMetadata
from temporalio.api.taskqueue.v1 import StickyExecutionAttributes, TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from lab import Lab, command, payloads, seconds
from scenarios import anew, each, end

CAUSE = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
OOPS = Failure(message="oops", application_failure_info=ApplicationFailureInfo(type="T"))


def s_task_fails(x):
    x.start()
    task = x.poll()
    x.fail_task(task, cause=CAUSE, failure=OOPS)
    x.fail_task(task, label="fail again", cause=CAUSE)
    x.complete(task, label="complete a failed one")
    x.history("history after the first failure")
    x.describe("describe after the first failure")
    task = x.poll(show=True, label="second attempt")
    x.describe("describe second attempt")
    x.fail_task(task, cause=CAUSE, failure=OOPS)
    x.history("history after the second failure")
    task = x.poll(show=True, label="third attempt")
    x.complete(task)
    x.history("history after the third")
    x.signal()
    end(x, x.poll(show=True))


def s_task_fails_then_signal(x):
    x.start()
    x.fail_task(x.poll(), failure=OOPS)
    x.fail_task(x.poll(), failure=OOPS)
    x.signal()
    x.history("history with the signal")
    task = x.poll(show=True, label="with the signal")
    end(x, task)


def s_task_fails_with_buffered(x):
    x.start()
    task = x.poll()
    x.signal()
    x.fail_task(task, failure=OOPS)
    x.history("history after the failure")
    task = x.poll(show=True)
    x.signal("two")
    x.fail_task(task, failure=OOPS)
    x.history("history after the second failure")
    end(x, x.poll(show=True))


def s_transient_attempt_with_signal(x):
    x.start()
    x.fail_task(x.poll(), failure=OOPS)
    task = x.poll()
    x.signal("during")
    x.history("history during the transient attempt")
    x.describe()
    x.complete(task)
    x.history("history after it")
    end(x, x.poll(show=True))


def s_transient_terminate(x):
    x.start()
    x.fail_task(x.poll(), failure=OOPS)
    x.poll()
    x.terminate(reason="because")
    x.history()
    x.describe()


def s_transient_closes(x):
    x.start()
    x.fail_task(x.poll(), failure=OOPS)
    end(x, x.poll(show=True))


def s_task_times_out(x):
    x.start(workflow_task_timeout=seconds(1))
    task = x.poll(show=True)
    x.signal()
    x.await_events(1, event_type=EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT)
    x.history("history after the time-out")
    x.describe()
    x.complete(task, label="too late")
    task = x.poll(show=True, label="second attempt")
    end(x, task)


def s_task_times_out_twice(x):
    x.start(workflow_task_timeout=seconds(1))
    x.poll()
    task = x.poll(show=True, label="second attempt")
    task = x.poll(show=True, label="third attempt")
    x.history("history in the third")
    end(x, task)


def sticky(name, timeout=5):
    return StickyExecutionAttributes(worker_task_queue=TaskQueue(name=name, kind=2), schedule_to_start_timeout=seconds(timeout))


def s_sticky(x):
    name = x.queue + "-sticky"
    x.start()
    waiting = x.behind(x.poll, sticky_of=name, label="sticky poll ahead", show=True)
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60)),
               sticky_attributes=sticky(name))
    x.describe()
    x.signal()
    waiting.join(20)
    x.history()


def s_sticky_times_out(x):
    name = x.queue + "-sticky"
    x.start()
    waiting = x.behind(x.poll, sticky_of=name, label="sticky poll ahead", timeout=2.5, show=True)
    x.complete(x.poll(), sticky_attributes=sticky(name, 2))
    waiting.join(20)
    x.signal()
    x.describe("describe sticky scheduled")
    task = x.poll(show=True, label="fallen back")
    x.history("history fallen back")
    x.complete(task, sticky_attributes=sticky(name, 2))
    x.call("ResetStickyTaskQueue", api.ResetStickyTaskQueueRequest(namespace="default", execution=x.execution()), show=True)
    x.signal()
    end(x, x.poll(show=True))


def s_sticky_failed_task(x):
    name = x.queue + "-sticky"
    x.start()
    waiting = x.behind(x.poll, sticky_of=name, label="sticky poll ahead", timeout=3, show=True)
    x.complete(x.poll(), sticky_attributes=sticky(name))
    x.signal()
    waiting.join(20)
    x.terminate()
    x.history()


def s_complete_twice(x):
    x.start(workflow_task_timeout=seconds(1))
    lost = x.poll()
    task = x.poll()
    x.complete(lost, label="stale token")
    x.complete(task, command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60)))
    x.fail_task(task, label="fail a completed one")
    x.signal()
    now = x.poll()
    x.fail_task(task, label="stale token fails")
    x.terminate()
    x.complete(now, label="closed")
    x.fail_task(now, label="closed, fails")
    x.outline()


def s_bad_commands(x):
    long = "x" * 1001
    cases = {
        "timer without id": command("start_timer", start_to_fire_timeout=seconds(1)),
        "timer negative": command("start_timer", timer_id="t", start_to_fire_timeout=seconds(-1)),
        "timer long id": command("start_timer", timer_id=long, start_to_fire_timeout=seconds(1)),
        "cancel unknown timer": command("cancel_timer", timer_id="none"),
        "cancel no timer": command("cancel_timer"),
        "marker without name": command("record_marker"),
        "marker long name": command("record_marker", marker_name=long),
        "fail without failure": command("fail_workflow_execution"),
    }
    each(x, cases)
    x.complete(x.poll(), command("start_timer", timer_id="one", start_to_fire_timeout=seconds(60)),
               command("start_timer", timer_id="one", start_to_fire_timeout=seconds(60)), label="timer twice")
    x.complete(x.poll(), command("complete_workflow_execution"),
               command("start_timer", timer_id="one", start_to_fire_timeout=seconds(60)), label="after completion")
    x.history()
    x.describe()


def s_timers_of_no_time(x):
    for label, timer in {"none": command("start_timer", timer_id="t"),
                         "zero": command("start_timer", timer_id="t", start_to_fire_timeout=seconds(0))}.items():
        anew(x)
        x.complete(x.poll(), timer, label=label)
        x.await_events(2, event_type=EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED)
        x.history(label)


def s_upsert_search_attributes(x):
    def upsert(name, data=b'["v"]', kind=b"KeywordList"):
        fields = {name: Payload(metadata={"encoding": b"json/plain", "type": kind}, data=data)}
        return command("upsert_workflow_search_attributes", search_attributes={"indexed_fields": fields})
    x.start()
    x.complete(x.poll(), upsert("TemporalChangeVersion"), force_create_new_workflow_task=True)
    x.describe()
    x.listed()
    x.complete(x.poll(), upsert("TemporalChangeVersion", b'["w"]'), upsert("BatcherUser", b'"u"', b"Keyword"),
               force_create_new_workflow_task=True)
    x.complete(x.poll(), upsert("BatcherUser", b"[]", b"Keyword"))
    x.history()
    x.describe()
    for label, bad in {"unknown": upsert("Nobody"), "system": upsert("WorkflowId"),
                       "nothing": command("upsert_workflow_search_attributes"),
                       "no fields": command("upsert_workflow_search_attributes", search_attributes={})}.items():
        anew(x)
        x.complete(x.poll(), bad, label=label)
        x.history(label)


def s_complete_twice_in_one(x):
    x.start()
    x.complete(x.poll(), command("complete_workflow_execution", result=payloads("1")),
               command("fail_workflow_execution", failure=OOPS), label="two closings")
    x.history()


def s_no_command_attributes(x):
    from temporalio.api.command.v1 import Command
    from temporalio.api.enums.v1 import CommandType
    for kind in ("COMPLETE_WORKFLOW_EXECUTION", "FAIL_WORKFLOW_EXECUTION", "CANCEL_WORKFLOW_EXECUTION", "START_TIMER",
                 "CANCEL_TIMER", "RECORD_MARKER", "SCHEDULE_ACTIVITY_TASK", "REQUEST_CANCEL_ACTIVITY_TASK",
                 "UNSPECIFIED"):
        anew(x)
        task = x.poll(label=kind)
        x.complete(task, Command(command_type=CommandType.Value("COMMAND_TYPE_" + kind)), label=kind)
        x.history()


def s_force_new_task(x):
    x.start()
    first = x.complete(x.poll(), command("record_marker", marker_name="m"), force_create_new_workflow_task=True,
                       return_new_workflow_task=True, show=True)
    if first is not None and first.workflow_task.task_token:
        again = x.complete(first.workflow_task, force_create_new_workflow_task=True, return_new_workflow_task=True,
                           show=True, label="heartbeat")
        end(x, again.workflow_task)


def s_return_new_without_force(x):
    x.start()
    task = x.poll()
    x.signal()
    x.complete(task, return_new_workflow_task=True, show=True)
    x.signal("two")
    x.history()
    x.describe()


def s_force_without_return(x):
    x.start()
    x.complete(x.poll(), force_create_new_workflow_task=True, show=True)
    end(x, x.poll(show=True))


def s_return_new_with_failure(x):
    x.start()
    x.complete(x.poll(), command("cancel_timer", timer_id="none"), return_new_workflow_task=True, show=True)
    task = x.poll()
    x.signal()
    x.complete(task, command("complete_workflow_execution"), return_new_workflow_task=True, show=True)
    x.history()


def s_task_metadata(x):
    x.start()
    x.complete(x.poll(), sdk_metadata=WorkflowTaskCompletedMetadata(core_used_flags=[1, 2], lang_used_flags=[3],
                                                                   sdk_name="n", sdk_version="1"),
               metering_metadata={"nonfirst_local_activity_execution_attempts": 3})
    x.signal()
    end(x)


def s_other_namespace_token(x):
    x.start()
    task = x.poll()
    name = "oracle-other"
    Lab(x.address, "setup").call("RegisterNamespace", api.RegisterNamespaceRequest(
        namespace=name, workflow_execution_retention_period=seconds(86400)))
    end_time = time.monotonic() + 25
    while time.monotonic() < end_time:  # the reference learns of a namespace late
        probe = Lab(x.address, "setup")
        probe.call("ListWorkflowExecutions", api.ListWorkflowExecutionsRequest(namespace=name))
        probe.call("RespondWorkflowTaskFailed", api.RespondWorkflowTaskFailedRequest(namespace=name, task_token=b"x"))
        if not any("is not found" in line for line in probe.lines):
            break
        time.sleep(0.5)
    for method in ("RespondWorkflowTaskCompleted", "RespondWorkflowTaskFailed", "RespondActivityTaskCompleted",
                   "RespondActivityTaskFailed", "RespondActivityTaskCanceled", "RecordActivityTaskHeartbeat"):
        x.call(method, getattr(api, method + "Request")(namespace=name, task_token=task.task_token))
    x.complete(task)
    x.outline()


def s_big_completion(x):
    x.start()
    x.complete(x.poll(), command("complete_workflow_execution", result=payloads("x" * (2 * 1024 * 1024 + 10))),
               label="big result")
    x.history()


def s_big_signal(x):
    x.start()
    x.signal(input=payloads("x" * (2 * 1024 * 1024 + 10)))
    x.outline()
