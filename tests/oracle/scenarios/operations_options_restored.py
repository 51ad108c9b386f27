"""operations_options_restored.py - back to what the activity was scheduled with."""
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import Priority, RetryPolicy
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.basic import end
from kit.operations import activities, options, reset
from lab import seconds


def play(x):
    activities(x, retry_policy=RetryPolicy(maximum_attempts=5, non_retryable_error_types=["No"]),
               priority=Priority(priority_key=4), heartbeat_timeout=seconds(9))
    options(x, label="restored without a change", id="a", restore_original=True)
    changed = ActivityOptions(task_queue=TaskQueue(name="operations-elsewhere"), heartbeat_timeout=seconds(3),
                              priority=Priority(priority_key=1), retry_policy=RetryPolicy(
                                  maximum_attempts=7, initial_interval=seconds(1), backoff_coefficient=3,
                                  maximum_interval=seconds(30), non_retryable_error_types=["Other"]))
    fields = ("task_queue.name", "heartbeat_timeout", "priority", "retry_policy")
    options(x, *fields, label="changed", id="a", activity_options=changed)
    x.describe("changed")
    options(x, label="restored", id="a", restore_original=True)
    x.describe("restored")
    options(x, *fields, label="changed again", id="a", activity_options=changed)
    reset(x, id="a", restore_original_options=True)
    x.describe("reset")
    x.complete_activity(x.poll_activity(show=True))
    end(x)
