"""operations_options_in_backoff.py - a shorter interval hastens the attempt that waits."""
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import application
from kit.basic import end
from kit.operations import activities, options, pause, unpause
from lab import seconds


def play(x):
    activities(x, retry_policy=RetryPolicy(initial_interval=seconds(9)))
    x.fail_activity(x.poll_activity(), application())
    x.describe("backs off")
    options(x, "retry_policy.initial_interval", id="a",
            activity_options=ActivityOptions(retry_policy=RetryPolicy(initial_interval=seconds(4))))
    x.describe("half as long")
    pause(x, id="a")
    options(x, "retry_policy.initial_interval", label="paused", id="a",
            activity_options=ActivityOptions(retry_policy=RetryPolicy(initial_interval=seconds(0.2))))
    x.describe("paused")
    unpause(x, id="a")
    x.complete_activity(x.poll_activity(show=True))
    end(x)
