"""operations_reset_errors.py - what a reset and new options are refused for."""
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import Priority, RetryPolicy, WorkflowExecution
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.operations import activities, options, reset
from lab import seconds


def play(x):
    activities(x)
    reset(x, "no such id", id="nope")
    reset(x, "no activity")
    reset(x, "no workflow", id="a", execution=WorkflowExecution())
    reset(x, "no such type", type="nope")
    given = ActivityOptions(heartbeat_timeout=seconds(5))
    options(x, "heartbeat_timeout", label="no such id", id="nope", activity_options=given)
    options(x, "heartbeat_timeout", label="no activity", activity_options=given)
    options(x, "heartbeat_timeout", label="no workflow", id="a", activity_options=given, execution=WorkflowExecution())
    options(x, "heartbeat_timeout", label="no options", id="a")
    options(x, label="no mask", id="a", activity_options=given)
    options(x, "heartbeat_timeout", label="mask and restore", id="a", activity_options=given, restore_original=True)
    options(x, "task_queue.name", label="no queue", id="a", activity_options=given)
    options(x, "priority.priority_key", label="no priority", id="a", activity_options=given)
    options(x, "retry_policy.maximum_attempts", label="no policy", id="a", activity_options=given)
    options(x, "task_queue.name", label="empty queue", id="a", activity_options=ActivityOptions(task_queue=TaskQueue()))
    options(x, "heartbeat_timeout", label="negative", id="a",
            activity_options=ActivityOptions(heartbeat_timeout=seconds(-1)))
    options(x, "start_to_close_timeout", label="no time-outs", id="a", activity_options=ActivityOptions())
    options(x, "retry_policy.backoff_coefficient", label="bad coefficient", id="a",
            activity_options=ActivityOptions(retry_policy=RetryPolicy(backoff_coefficient=0.5)))
    options(x, "retry_policy.maximum_attempts", label="bad attempts", id="a",
            activity_options=ActivityOptions(retry_policy=RetryPolicy(maximum_attempts=-1)))
    options(x, "priority", label="bad priority", id="a",
            activity_options=ActivityOptions(priority=Priority(priority_key=-1)))
    x.describe("unchanged")
    x.terminate()
    reset(x, "closed", id="a")
    reset(x, "closed, all", match_all=True)
    options(x, "heartbeat_timeout", label="closed", id="a", activity_options=given)
    options(x, label="closed, restored", id="a", restore_original=True)
