"""activity_capped_by_the_run.py - time-outs that are longer than the run, than each other, and than what is left."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import activity
from lab import seconds


def play(x):
    x.start(workflow_run_timeout=seconds(100), workflow_execution_timeout=seconds(200))
    x.complete(
        x.poll(),
        activity(x, "long start", start_to_close_timeout=seconds(500)),
        activity(x, "long close", schedule_to_close_timeout=seconds(500), start_to_close_timeout=None),
        activity(x, "long queue", schedule_to_start_timeout=seconds(500), heartbeat_timeout=seconds(600)),
        activity(x, "start longer than close", schedule_to_close_timeout=seconds(20), start_to_close_timeout=seconds(40)),
        activity(x, "queue longer than close", schedule_to_close_timeout=seconds(20), schedule_to_start_timeout=seconds(40)),
        activity(x, "heartbeat longer than start", heartbeat_timeout=seconds(31)),
        activity(x, "policy", schedule_to_close_timeout=seconds(500), retry_policy=RetryPolicy(
            initial_interval=seconds(200), maximum_interval=seconds(400), maximum_attempts=1000)),
        activity(x, "large coefficient", retry_policy=RetryPolicy(backoff_coefficient=1e9, initial_interval=seconds(1))),
        activity(x, "nothing else", schedule_to_close_timeout=seconds(7), start_to_close_timeout=None))
    x.history()
    x.describe()
    x.terminate()
