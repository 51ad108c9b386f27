"""operations_options_shorter_life.py - a schedule-to-close that has passed already; a queue and a policy in back-off."""
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import application
from kit.basic import end
from kit.operations import activities, options, reset
from lab import payloads, seconds


def play(x):
    activities(x, retry_policy=RetryPolicy(initial_interval=seconds(9)))
    task = x.poll_activity()
    x.heartbeat(task, details=payloads("h"))
    x.fail_activity(task, application())
    options(x, "retry_policy", id="a", label="another policy",
            activity_options=ActivityOptions(retry_policy=RetryPolicy(initial_interval=seconds(8), maximum_attempts=3)))
    x.describe("backs off")
    options(x, id="a", label="restored", restore_original=True)
    x.describe("restored")
    options(x, "schedule_to_close_timeout", "schedule_to_start_timeout", id="a", label="shorter",
            activity_options=ActivityOptions(schedule_to_close_timeout=seconds(0.5), schedule_to_start_timeout=seconds(9)))
    x.complete(x.poll())
    reset(x, "it is gone", id="a")
    x.signal()
    end(x)
