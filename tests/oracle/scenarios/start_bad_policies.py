"""start_bad_policies.py - starts whose policies, priority or durations are refused."""
from temporalio.api.common.v1 import Priority, RetryPolicy

from lab import seconds


def play(x):
    cases = {
        "priority key": dict(priority=Priority(priority_key=-1)), "fairness key": dict(priority=Priority(fairness_key="f" * 65)),
        "fairness weight": dict(priority=Priority(fairness_weight=-1)),
        "cron and delay": dict(cron_schedule="* * * * *", workflow_start_delay=seconds(1)),
        "negative delay": dict(workflow_start_delay=seconds(-1)), "cron": dict(cron_schedule="bogus"),
        "negative run time-out": dict(workflow_run_timeout=seconds(-1)),
        "negative task time-out": dict(workflow_task_timeout=seconds(-1)),
        "negative execution time-out": dict(workflow_execution_timeout=seconds(-1)),
        "coefficient": dict(retry_policy=RetryPolicy(backoff_coefficient=0.5)),
        "interval": dict(retry_policy=RetryPolicy(initial_interval=seconds(-1))),
        "intervals": dict(retry_policy=RetryPolicy(initial_interval=seconds(10), maximum_interval=seconds(1))),
        "attempts": dict(retry_policy=RetryPolicy(maximum_attempts=-1)),
        "reuse and conflict": dict(workflow_id_reuse_policy=4, workflow_id_conflict_policy=1),
    }
    for label, more in cases.items():
        x.start(label=label, **more)
