"""operations_by_execution.py - PauseActivityExecution and its siblings, for an activity of a workflow, and what they refuse."""
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import Priority, RetryPolicy
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.operations import activities
from lab import seconds


def play(x):
    activities(x)

    def ask(method, label, **more):
        fields = {"workflow_id": x.workflow_id, "activity_id": "a", "identity": "operator", **more}
        x.call(method, getattr(api, method + "Request")(namespace="default", **fields), label=label, show=True)

    def update(label, *paths, **more):
        ask("UpdateActivityExecutionOptions", label, **({"update_mask": FieldMask(paths=paths)} if paths else {}), **more)

    ask("PauseActivityExecution", "pause", reason="maintenance", request_id="r1")
    ask("PauseActivityExecution", "pause again", reason="other", request_id="r1")
    x.describe("paused")
    update("options", "start_to_close_timeout", "retry_policy.maximum_attempts", "priority.priority_key",
           activity_options=ActivityOptions(start_to_close_timeout=seconds(7), priority=Priority(priority_key=2),
                                            retry_policy=RetryPolicy(maximum_attempts=3)))
    ask("ResetActivityExecution", "reset", keep_paused=True, reset_heartbeat=True)
    x.describe("changed")
    update("restore", restore_original=True)
    ask("UnpauseActivityExecution", "unpause")
    x.describe("unpaused")
    refused(ask, update)
    x.complete_activity(x.poll_activity())
    x.complete(x.poll())
    ask("PauseActivityExecution", "pause what has ended")


def refused(ask, update):
    jitter = Duration(seconds=-1)
    for method in ("PauseActivityExecution", "UnpauseActivityExecution", "ResetActivityExecution"):
        ask(method, f"{method} of its own", workflow_id="")
        ask(method, f"{method} without id", activity_id="")
        ask(method, f"{method} long id", activity_id="i" * 1001)
        ask(method, f"{method} long identity", identity="i" * 1001)
        ask(method, f"{method} long request id", request_id="i" * 1001, activity_id="")
        ask(method, f"{method} bad run id", run_id="1")
        ask(method, f"{method} unknown", activity_id="b")
        if method[0] != "P":
            ask(method, f"{method} jitter below zero", jitter=jitter)
            ask(method, f"{method} jitter of two signs", jitter=Duration(seconds=1, nanos=-1))
    update("no options", "priority")
    update("no mask", activity_options=ActivityOptions())
    update("empty mask", activity_options=ActivityOptions(), update_mask=FieldMask())
    update("mask and restore", "priority", restore_original=True)
    update("unknown path", "retry_policy.non_retryable_error_types", activity_options=ActivityOptions())
    update("start delay", "start_delay", activity_options=ActivityOptions())
    update("no queue", "task_queue.name", activity_options=ActivityOptions())
    update("internal queue", "task_queue.name", activity_options=ActivityOptions(task_queue=TaskQueue(name="/_sys/q")))
    for field in ("schedule_to_close_timeout", "schedule_to_start_timeout", "start_to_close_timeout", "heartbeat_timeout"):
        update(f"{field} below zero", field, activity_options=ActivityOptions(**{field: jitter}))
    update("no priority", "priority.priority_key", activity_options=ActivityOptions())
    for field, value in (("priority_key", -1), ("fairness_key", "k" * 65), ("fairness_weight", -1.0)):
        options = ActivityOptions(priority=Priority(**{field: value}))
        update(f"{field} bad", f"priority.{field}", activity_options=options)
        update(f"{field} bad in all", "priority", activity_options=options)
    update("no policy", "retry_policy.maximum_attempts", activity_options=ActivityOptions())
    update("coefficient of none", "retry_policy.backoff_coefficient", activity_options=ActivityOptions())
    for field, value in (("initial_interval", jitter), ("backoff_coefficient", 0.5), ("maximum_interval", jitter),
                         ("maximum_attempts", -1)):
        options = ActivityOptions(retry_policy=RetryPolicy(**{field: value}))
        update(f"{field} bad", f"retry_policy.{field}", activity_options=options)
        update(f"{field} bad in all", "retry_policy", activity_options=options)
    update("default policy", "retry_policy", activity_options=ActivityOptions(retry_policy=RetryPolicy()))
