"""operations_options_while_started.py - new time-outs of a running activity: start-to-close and heartbeat come anew."""
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import application
from kit.basic import end
from kit.operations import activities, options
from lab import payloads, seconds


def play(x):
    activities(x, retry_policy=RetryPolicy(initial_interval=seconds(0.1), maximum_attempts=5))
    task = x.poll_activity()
    x.heartbeat(task, details=payloads("h"))
    options(x, "retry_policy.maximum_attempts", id="a", label="no further attempt",
            activity_options=ActivityOptions(retry_policy=RetryPolicy(maximum_attempts=1)))
    options(x, "start_to_close_timeout", id="a", label="at once",
            activity_options=ActivityOptions(start_to_close_timeout=seconds(0.5)))
    x.complete(x.poll())
    x.outline("after the time-out")
    x.fail_activity(task, application(), label="too late")
    x.signal()
    end(x)
