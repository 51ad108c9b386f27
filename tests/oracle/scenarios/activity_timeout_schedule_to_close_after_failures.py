"""activity_timeout_schedule_to_close_after_failures.py - schedule-to-close of a second attempt."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import activity, application
from kit.basic import end
from lab import seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=None, schedule_to_close_timeout=seconds(3),
                                  retry_policy=RetryPolicy(initial_interval=seconds(1.6), backoff_coefficient=1.0)))
    x.fail_activity(x.poll_activity(), application("one"))
    x.poll_activity()
    end(x)
