"""continue_everything.py - a run continues as new with every field set."""
from temporalio.api.common.v1 import Header, Memo, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.basic import TEXT, end
from kit.chain import KIND, follow
from lab import command, payloads, seconds


def play(x):
    x.start(workflow_run_timeout=seconds(50), workflow_execution_timeout=seconds(100), memo=Memo(fields={"m": TEXT}))
    x.complete(x.poll(), command(
        KIND, workflow_type=WorkflowType(name="other"), task_queue=TaskQueue(name=x.queue), input=payloads("a", "b"),
        workflow_run_timeout=seconds(40), workflow_task_timeout=seconds(7), backoff_start_interval=seconds(2),
        last_completion_result=payloads("last"), header=Header(fields={"h": TEXT}), memo=Memo(fields={"n": TEXT})))
    follow(x)
    end(x, x.poll(show=True))
