"""activity_retry_with_everything.py - heartbeats, failures and retries of one activity."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import activity, application
from kit.basic import end
from lab import payloads, seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, heartbeat_timeout=seconds(5), schedule_to_close_timeout=seconds(60),
                                  retry_policy=RetryPolicy(initial_interval=seconds(0.5), maximum_interval=seconds(0.6),
                                                           backoff_coefficient=3.0, maximum_attempts=5)))
    for i in range(4):
        task = x.poll_activity(show=True)
        x.heartbeat(task, details=payloads(f"h{i}"))
        x.fail_activity(task, application(f"f{i}"))
        x.describe(f"describe after {i}")
    x.complete_activity(x.poll_activity(show=True), result=payloads("r"))
    end(x)
