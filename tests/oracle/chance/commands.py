"""commands.py - random commands of a workflow task, and what to wait for when they have been given."""
import time

from temporalio.api.common.v1 import (ActivityType, Header, Memo, Payload, Priority, RetryPolicy, SearchAttributes,
                                      WorkflowExecution, WorkflowType)
from temporalio.api.enums.v1 import ParentClosePolicy
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.sdk.v1 import UserMetadata
from temporalio.api.taskqueue.v1 import TaskQueue

from chance.world import Execution
from lab import command, payloads, seconds

VERSIONS = Payload(metadata={"encoding": b"json/plain", "type": b"KeywordList"}, data=b'["v"]')
NIL = Payload(metadata={"encoding": b"binary/null"})
TEXT = Payload(metadata={"encoding": b"json/plain"}, data=b'"text"')
CHILD_ANSWERS = ("CHILD_WORKFLOW_EXECUTION_STARTED", "START_CHILD_WORKFLOW_EXECUTION_FAILED")
SHORT_CHILD_ENDS = ("CHILD_WORKFLOW_EXECUTION_TIMED_OUT", "START_CHILD_WORKFLOW_EXECUTION_FAILED")
SIGNAL_ANSWERS = ("EXTERNAL_WORKFLOW_EXECUTION_SIGNALED", "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED")
CANCEL_ANSWERS = ("EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED",
                  "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED")


def application(rng, non_retryable=False):
    return Failure(message=f"failure {rng.randrange(5)}", source="chance", application_failure_info=ApplicationFailureInfo(
        type=rng.choice(["A", "B"]), non_retryable=non_retryable, details=payloads("d") if rng.random() < 0.3 else None))


def summary(rng):
    """User metadata, or none."""
    return dict(user_metadata=UserMetadata(summary=TEXT)) if rng.random() < 0.15 else {}


def priority(rng):
    return Priority(priority_key=rng.randrange(1, 6), fairness_key=rng.choice(["", "k"]))


def search_values():
    return SearchAttributes(indexed_fields={"TemporalChangeVersion": VERSIONS})


def activity(e, **more):
    """One that lasts as long as the script."""
    rng, activity_id = e.world.rng, e.world.next_id("a")
    fields = dict(activity_id=activity_id, activity_type=ActivityType(name="act"), task_queue=e.queue_of(activity_id),
                  start_to_close_timeout=seconds(300), input=payloads(activity_id))
    if rng.random() < 0.3:
        fields["schedule_to_close_timeout"] = seconds(400)
    if rng.random() < 0.3:
        fields["heartbeat_timeout"] = seconds(200)
    if rng.random() < 0.3:
        fields["header"] = Header(fields={"h": TEXT})
    if e.world.wide and rng.random() < 0.2:
        fields["priority"] = priority(rng)
    if e.world.wide:
        fields.update(summary(rng))
    fields["retry_policy"] = RetryPolicy(initial_interval=seconds(0.3), maximum_interval=seconds(0.5),
                                         maximum_attempts=rng.randrange(1, 4),
                                         non_retryable_error_types=["B"] if rng.random() < 0.3 else [])
    fields.update(more)
    return command("schedule_activity_task", **fields)


def eager_activity(e):
    """One that the worker wants at once; only one, as all wait on one queue."""
    if not e.world.wide or any(a.activity_id.startswith("e") for a in e.activities):
        return None
    activity_id = e.world.next_id("e")
    return activity(e, activity_id=activity_id, task_queue=e.queue_of(activity_id), request_eager_execution=True,
                    input=payloads(activity_id))


def cancel_activity(e):
    known = [a for a in e.activities if not a.state == 3]
    if not known:
        return None
    return command("request_cancel_activity_task",
                   scheduled_event_id=e.scheduled_id(e.world.rng.choice(known).activity_id))


def timer(e):
    return command("start_timer", timer_id=e.world.next_id("t"), start_to_fire_timeout=seconds(300),
                   **(summary(e.world.rng) if e.world.wide else {}))


def cancel_timer(e):
    known = e.open_timers()
    return command("cancel_timer", timer_id=e.world.rng.choice(known)) if known else None


def marker(e):
    rng, more = e.world.rng, {}
    if e.world.wide and rng.random() < 0.3:
        more = dict(failure=application(rng), header=Header(fields={"h": TEXT}))
    return command("record_marker", marker_name=e.world.next_id("m"), details={"d": payloads("1")}, **more)


def memo(e):
    value = NIL if e.world.wide and e.world.rng.random() < 0.3 else TEXT  # what is nil goes
    return command("modify_workflow_properties", upserted_memo=Memo(fields={e.world.rng.choice("xyz"): value}))


def search_attributes(e):
    value = NIL if e.world.wide and e.world.rng.random() < 0.3 else VERSIONS
    return command("upsert_workflow_search_attributes", search_attributes={"indexed_fields": {
        "TemporalChangeVersion": value}})


def bad(e):
    """Refused: the workflow task fails."""
    return e.world.rng.choice([
        command("cancel_timer", timer_id="nothing"), command("schedule_activity_task", activity_id="x"),
        command("request_cancel_activity_task", scheduled_event_id=9999), command("record_marker")])


def child(e):
    """A child, and the execution that it becomes if it starts."""
    rng = e.world.rng
    e.children += 1
    new = Execution(e.world, f"{e.suffix}{e.children}", parent=e)
    new.policy = rng.choice(["TERMINATE", "ABANDON", "REQUEST_CANCEL"])
    fields = dict(workflow_id=new.workflow_id, workflow_type=WorkflowType(name="child"), task_queue=TaskQueue(name=new.queue),
                  input=payloads("in"), parent_close_policy=ParentClosePolicy.Value("PARENT_CLOSE_POLICY_" + new.policy))
    fields["workflow_task_timeout"] = seconds(5 if e.world.short_tasks else 60)
    if rng.random() < 0.3:
        fields["memo"] = Memo(fields={"m": TEXT})
    if rng.random() < 0.3:
        fields["workflow_run_timeout"] = seconds(500)
    if e.world.chains and rng.random() < 0.4:
        fields["retry_policy"] = retry_policy(rng)
    if e.world.wide:
        fields.update(summary(rng))
        if rng.random() < 0.2:
            fields["priority"] = priority(rng)
        if rng.random() < 0.2:
            fields["search_attributes"] = {"indexed_fields": {"TemporalChangeVersion": VERSIONS}}
        if rng.random() < 0.2:
            fields["header"] = Header(fields={"h": TEXT})
        if rng.random() < 0.2:
            fields["workflow_execution_timeout"] = seconds(700)
    return command("start_child_workflow_execution", **fields), new


def short_child(e):
    """One that nobody works on."""
    name, more = e.world.next_id("short"), {}
    if e.world.rng.random() < 0.3:
        more["retry_policy"] = RetryPolicy(initial_interval=seconds(0.3), maximum_attempts=2)
    return command("start_child_workflow_execution", workflow_id=f"{e.workflow_id}-{name}",
                   workflow_type=WorkflowType(name="child"), task_queue=TaskQueue(name=f"{e.queue}-{name}"),
                   workflow_run_timeout=seconds(1), workflow_task_timeout=seconds(60), **more)


def retry_policy(rng):
    """Of a workflow."""
    return RetryPolicy(initial_interval=seconds(0.3), backoff_coefficient=1, maximum_attempts=rng.randrange(1, 4),
                       non_retryable_error_types=["B"] if rng.random() < 0.3 else [])


def is_short(one):
    """Is this the command that is followed by a run of a second?"""
    return one.continue_as_new_workflow_execution_command_attributes.workflow_run_timeout.seconds == 1


def target(e):
    """Another execution of this script, or one that nobody knows."""
    others = [o for o in e.world.executions if o is not e]
    if others and e.world.rng.random() < 0.8:
        return WorkflowExecution(workflow_id=e.world.rng.choice(others).workflow_id)
    return WorkflowExecution(workflow_id=e.workflow_id + "-unknown")


def signal_external(e):
    return command("signal_external_workflow_execution", namespace=e.world.lab.namespace, execution=target(e), signal_name="ext",
                   input=payloads("s"), header=Header(fields={"h": TEXT}) if e.world.rng.random() < 0.3 else Header())


def cancel_external(e):
    to = target(e)
    return command("request_cancel_external_workflow_execution", namespace=e.world.lab.namespace, workflow_id=to.workflow_id)


def close(e):
    rng = e.world.rng
    kind = rng.choice(["complete", "fail", "cancel", "continue"])
    until = e.shown.workflow_execution_info.execution_time.ToNanoseconds() / 1e9 + 1.2
    if kind == "continue" or e.world.chains or e.world.cron:
        time.sleep(max(0, until - time.time()))  # a run that lived less is followed after a pause
    if kind == "complete":
        return command("complete_workflow_execution", result=payloads("done"))
    if kind == "fail":
        return command("fail_workflow_execution", failure=application(rng))
    if kind == "cancel":
        return command("cancel_workflow_execution", details=payloads("gone"))
    if e.parent is None and not e.world.cron and rng.random() < 0.25:
        return command("continue_as_new_workflow_execution", input=payloads("short"), workflow_run_timeout=seconds(1))
    return command("continue_as_new_workflow_execution", input=payloads("next"), **(continuation(e) if e.world.wide else {}))


def continuation(e):
    """What else the command may say of the next run."""
    rng, fields = e.world.rng, {}
    if rng.random() < 0.3:
        fields["memo"] = Memo(fields={"n": TEXT})
    if rng.random() < 0.3:
        fields["search_attributes"] = {"indexed_fields": {"TemporalChangeVersion": VERSIONS}}
    if rng.random() < 0.3:
        fields["header"] = Header(fields={"h": TEXT})
    if rng.random() < 0.2:
        fields["workflow_type"] = WorkflowType(name="other")
    if rng.random() < 0.2:
        fields["workflow_run_timeout"] = seconds(600)
    if rng.random() < 0.2:
        fields["workflow_task_timeout"] = seconds(50)
    if rng.random() < 0.3:
        fields["backoff_start_interval"] = seconds(0.5)
    if rng.random() < 0.2:
        fields["retry_policy"] = retry_policy(rng)
    return fields


PLAIN = (activity, activity, activity, eager_activity, cancel_activity, timer, cancel_timer, marker, memo, search_attributes)
