"""problems_timed_out_tasks.py - tasks that time out again and again, then one that fails."""
from kit.task import OOPS
from lab import command, seconds

SLOW = True


def play(x):
    x.start(workflow_task_timeout=seconds(1))
    for _ in range(6):
        task = x.poll(timeout=40.0)
    x.describe("after five time-outs")
    x.fail_task(task, failure=OOPS)
    x.describe("after a failure")
    x.complete(x.poll(), command("complete_workflow_execution"))
    x.describe("after the success")
