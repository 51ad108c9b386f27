"""activity_empty_payloads.py - input, header and heartbeat details that are there and empty come as they were sent."""
from temporalio.api.common.v1 import Header, Payloads, RetryPolicy

from kit.activity import activity
from kit.basic import end
from lab import command, seconds


def play(x):
    x.start(input=Payloads(), header=Header())
    policy = RetryPolicy(initial_interval=seconds(0.1), maximum_attempts=3)
    x.complete(x.poll(show=True), activity(x, input=Payloads(), header=Header(), retry_policy=policy),
               command("start_timer", timer_id="t", start_to_fire_timeout=seconds(90)))
    task = x.poll_activity(show=True, label="first attempt")
    x.describe("before a heartbeat")
    x.heartbeat(task)
    x.describe("after a heartbeat without details")
    x.heartbeat(task, details=Payloads())
    x.describe("after empty details")
    x.fail_activity(task, label="a failure without details")
    task = x.poll_activity(show=True, label="second attempt")
    x.fail_activity(task, last_heartbeat_details=Payloads(), label="a failure with empty details")
    x.poll_activity(show=True, label="third attempt")
    x.signal()
    end(x)
