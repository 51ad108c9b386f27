"""activity_heartbeat_replaced.py - heartbeats with other details and with none: what the next attempt gets."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import activity, application
from kit.basic import end
from lab import payloads, seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, heartbeat_timeout=seconds(30), retry_policy=RetryPolicy(
        initial_interval=seconds(0.1), backoff_coefficient=1)))
    task = x.poll_activity()
    x.heartbeat(task, details=payloads("a", "b"))
    x.describe("two details")
    x.heartbeat(task)
    x.describe("then none")
    x.fail_activity(task, application())
    task = x.poll_activity(show=True, label="second attempt")
    x.heartbeat(task, details=payloads("c"))
    x.fail_activity(task, application())
    task = x.poll_activity(show=True, label="third attempt")
    x.fail_activity(task, application(), last_heartbeat_details=payloads("d"))
    task = x.poll_activity(show=True, label="fourth attempt")
    x.fail_activity(task, application(non_retryable=True), last_heartbeat_details=payloads("e"))
    end(x)
