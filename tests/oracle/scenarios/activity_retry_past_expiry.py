"""activity_retry_past_expiry.py - a retry that would come after schedule-to-close."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import activity, application
from kit.basic import end
from lab import seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, schedule_to_close_timeout=seconds(3),
                                  retry_policy=RetryPolicy(initial_interval=seconds(60))))
    x.fail_activity(x.poll_activity(), application())
    end(x)
