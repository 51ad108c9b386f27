"""start_retry_policy_of_one.py - a retry policy that allows one attempt."""
from temporalio.api.common.v1 import RetryPolicy

from kit.basic import end


def play(x):
    x.start(show=True, retry_policy=RetryPolicy(maximum_attempts=1))
    end(x)
