"""activity_cancel_in_backoff.py - cancellation of an activity that waits for its retry."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import activity, application
from kit.basic import end
from lab import command, seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, retry_policy=RetryPolicy(initial_interval=seconds(60))),
               force_create_new_workflow_task=True)
    x.fail_activity(x.poll_activity(), application())
    x.complete(x.poll(), command("request_cancel_activity_task", scheduled_event_id=5))
    end(x)
