"""runs_continue_with_changes.py - a continued run with another type, queue, time-outs, policy and schedule."""
from kit.basic import TEXT
from kit.runs import follow
from lab import command, payloads, seconds
from temporalio.api.common.v1 import Memo, RetryPolicy, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue


def play(x):
    x.start(workflow_execution_timeout=seconds(60), workflow_run_timeout=seconds(20), workflow_task_timeout=seconds(5),
            retry_policy=RetryPolicy(maximum_attempts=3), memo=Memo(fields={"kept": TEXT}))
    other = x.queue + "-other"
    x.complete(x.poll(), command(
        "continue_as_new_workflow_execution", workflow_type=WorkflowType(name="other-type"),
        task_queue=TaskQueue(name=other), workflow_run_timeout=seconds(10), workflow_task_timeout=seconds(7),
        input=payloads("in"), backoff_start_interval=seconds(1), last_completion_result=payloads("last"),
        memo=Memo(fields={"new": TEXT})))
    x.history("first")
    follow(x)
    x.describe("in back-off")
    x.complete(x.poll(queue=other, show=True), command("complete_workflow_execution"))
    x.history("second")
