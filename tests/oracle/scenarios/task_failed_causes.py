"""task_failed_causes.py - a workflow task fails with each of the causes."""
from temporalio.api.enums.v1 import WorkflowTaskFailedCause

from kit.basic import anew
from kit.task import OOPS


def play(x):
    for cause in sorted(WorkflowTaskFailedCause.values()):
        anew(x)
        x.fail_task(x.poll(), cause=cause, failure=OOPS, label=WorkflowTaskFailedCause.Name(cause))
        x.history(WorkflowTaskFailedCause.Name(cause))
