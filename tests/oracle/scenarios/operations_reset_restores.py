"""operations_reset_restores.py - a reset that restores options and keeps paused; an unpause of all with resets."""
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import ActivityType, RetryPolicy

from kit.activity import activity, application
from kit.basic import end
from kit.operations import options, pause, reset, unpause
from lab import payloads, seconds


def play(x):
    x.start()
    policy = RetryPolicy(initial_interval=seconds(9), backoff_coefficient=1)
    x.complete(x.poll(), activity(x, "a", retry_policy=policy),
               activity(x, "b", activity_type=ActivityType(name="other"), retry_policy=policy))
    options(x, "heartbeat_timeout", "retry_policy.maximum_attempts", match_all=True, activity_options=ActivityOptions(
        heartbeat_timeout=seconds(50), retry_policy=RetryPolicy(maximum_attempts=8)), label="both")
    for task in (x.poll_activity(), x.poll_activity()):
        x.heartbeat(task, details=payloads("h"))
        x.fail_activity(task, application())
    reset(x, "one kind", type="other", restore_original_options=True, reset_heartbeat=True)
    x.describe("one is reset")
    pause(x, id="a")
    pause(x, "by kind", type="other")
    reset(x, "all, kept paused", match_all=True, keep_paused=True, restore_original_options=True)
    x.describe("all are reset")
    unpause(x, "those of a kind", unpause_all=True, reset_attempts=True, reset_heartbeat=True)
    for task in sorted((x.poll_activity(), x.poll_activity()), key=lambda t: t.activity_id):
        x.show("at last", task)
        x.complete_activity(task)
    end(x)
