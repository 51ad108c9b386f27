"""child_bad.py - children whose attributes are refused."""
from temporalio.api.common.v1 import Priority, RetryPolicy, WorkflowType

from kit.basic import each
from kit.children import start_child
from lab import seconds


def play(x):
    each(x, {
        "no id": start_child(x, workflow_id=""),
        "no type": start_child(x, workflow_type=WorkflowType()),
        "long id": start_child(x, workflow_id="c" * 1001),
        "long type": start_child(x, workflow_type=WorkflowType(name="t" * 1001)),
        "negative run timeout": start_child(x, workflow_run_timeout=seconds(-1)),
        "negative task timeout": start_child(x, workflow_task_timeout=seconds(-1)),
        "negative execution timeout": start_child(x, workflow_execution_timeout=seconds(-1)),
        "bad retry policy": start_child(x, retry_policy=RetryPolicy(maximum_attempts=-1)),
        "bad cron": start_child(x, cron_schedule="every now and then"),
        "bad priority": start_child(x, priority=Priority(priority_key=-1)),
    })
