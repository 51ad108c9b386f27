"""activity_non_retryable.py - failures that are not retried."""
from temporalio.api.common.v1 import RetryPolicy
from temporalio.api.failure.v1 import Failure

from kit.activity import ONCE, activity, application
from kit.basic import end


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, retry_policy=RetryPolicy(non_retryable_error_types=["Bad"])))
    x.fail_activity(x.poll_activity(), application())
    x.complete(x.poll(), activity(x, "b"))
    x.fail_activity(x.poll_activity(), application(non_retryable=True))
    x.complete(x.poll(), activity(x, "c"))
    task = x.poll_activity()
    x.fail_activity(task, Failure(message="server", server_failure_info={"non_retryable": True}))
    x.fail_activity(task, application(non_retryable=True))
    x.complete(x.poll(), activity(x, "d", retry_policy=ONCE))
    x.fail_activity(x.poll_activity(), None, label="no failure")
    end(x)
