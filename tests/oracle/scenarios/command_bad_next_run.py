"""command_bad_next_run.py - continue-as-new with attributes that are refused."""
from temporalio.api.common.v1 import RetryPolicy, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.basic import TEXT, each
from lab import command, seconds


def play(x):
    def again(**more):
        return command("continue_as_new_workflow_execution", workflow_type=WorkflowType(name="t"), **more)
    each(x, {
        "run time-out": again(workflow_run_timeout=seconds(-1)), "task time-out": again(workflow_task_timeout=seconds(-1)),
        "back-off": again(backoff_start_interval=seconds(-1)), "cron": again(cron_schedule="bogus"),
        "retry": again(retry_policy=RetryPolicy(backoff_coefficient=.5)), "queue": again(task_queue=TaskQueue(name="x" * 1001)),
        "attribute": again(search_attributes={"indexed_fields": {"Nope": TEXT}}),
    })
