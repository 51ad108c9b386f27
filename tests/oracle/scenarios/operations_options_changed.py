"""operations_options_changed.py - the options of an activity that waits, one after the other."""
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import Priority, RetryPolicy
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.basic import end
from kit.operations import activities, options
from lab import seconds


def play(x):
    activities(x)
    options(x, "heartbeat_timeout", "schedule_to_close_timeout", id="a", activity_options=ActivityOptions(
        heartbeat_timeout=seconds(3), schedule_to_close_timeout=seconds(100), start_to_close_timeout=seconds(1)))
    x.describe("time-outs")
    options(x, "schedule_to_start_timeout", "startToCloseTimeout", id="a", activity_options=ActivityOptions(
        schedule_to_start_timeout=seconds(40), start_to_close_timeout=seconds(50)))
    options(x, "priority", type="act-type", activity_options=ActivityOptions(priority=Priority(priority_key=2)))
    options(x, "priority.fairness_key", "priority.fairness_weight", match_all=True,
            activity_options=ActivityOptions(priority=Priority(fairness_key="f", fairness_weight=2)))
    options(x, "retry_policy.maximum_attempts", "retry_policy.initial_interval", id="a",
            activity_options=ActivityOptions(retry_policy=RetryPolicy(maximum_attempts=4, initial_interval=seconds(2))))
    options(x, "no_such_field", label="a field that there is not", id="a", activity_options=ActivityOptions())
    x.describe("changed")
    options(x, "task_queue.name", label="another queue", id="a",
            activity_options=ActivityOptions(task_queue=TaskQueue(name=x.queue + "-other")))
    own, x.queue = x.queue, x.queue + "-other"
    task = x.poll_activity(show=True)
    x.queue = own
    options(x, "heartbeat_timeout", label="while it runs", id="a",
            activity_options=ActivityOptions(heartbeat_timeout=seconds(20)))
    x.describe("started")
    x.complete_activity(task)
    end(x)
