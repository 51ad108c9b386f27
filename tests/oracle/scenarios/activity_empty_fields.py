"""activity_empty_fields.py - an activity whose fields are there and empty, from its command to its failure and result."""
from temporalio.api.common.v1 import Payloads, Priority, RetryPolicy
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.sdk.v1 import UserMetadata

from kit.activity import activity
from kit.basic import end
from lab import command, seconds


def play(x):
    x.start()
    made = activity(x, retry_policy=RetryPolicy(), priority=Priority())
    made.user_metadata.CopyFrom(UserMetadata())
    x.complete(x.poll(), made, activity(x, "b", input=None, retry_policy=RetryPolicy(initial_interval=seconds(0.1))),
               command("start_timer", timer_id="t", start_to_fire_timeout=seconds(90), user_metadata=UserMetadata()))
    tasks = {t.activity_id: t for t in (x.poll_activity(), x.poll_activity())}
    for name in "ab":
        x.show(f"task {name}", tasks[name])
    x.fail_activity(tasks["b"], Failure(), label="a failure of no kind")
    x.fail_activity(tasks["b"], Failure(application_failure_info=ApplicationFailureInfo()))
    second = x.poll_activity(show=True, label="second attempt of b")
    x.describe("after an empty failure")
    x.fail_activity(second, Failure(application_failure_info=ApplicationFailureInfo(non_retryable=True)))
    x.complete_activity(tasks["a"], result=Payloads())
    end(x)
