"""continue_bad.py - continuations whose attributes are refused."""
from temporalio.api.common.v1 import WorkflowType

from kit.basic import each
from kit.chain import KIND
from lab import command, seconds


def play(x):
    each(x, {
        "long type": command(KIND, workflow_type=WorkflowType(name="t" * 1001)),
        "negative run timeout": command(KIND, workflow_run_timeout=seconds(-1)),
    })
