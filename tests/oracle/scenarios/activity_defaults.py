"""activity_defaults.py - what time-outs and retry policies become when they are left out."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import activity
from lab import seconds


def play(x):
    x.start(workflow_run_timeout=seconds(100))
    x.complete(x.poll(), activity(x, "s2c"),
               activity(x, "sched2close", start_to_close_timeout=None, schedule_to_close_timeout=seconds(20)),
               activity(x, "all", schedule_to_close_timeout=seconds(20), schedule_to_start_timeout=seconds(50),
                        start_to_close_timeout=seconds(30), heartbeat_timeout=seconds(40)),
               activity(x, "retry", retry_policy=RetryPolicy(initial_interval=seconds(2), maximum_attempts=4)),
               activity(x, "retry2", retry_policy=RetryPolicy(backoff_coefficient=3.0, non_retryable_error_types=["X"])),
               activity(x, "long", start_to_close_timeout=seconds(1000)),
               activity(x, "eager", request_eager_execution=True), show=True)
    x.history()
    x.describe()
    x.terminate()
