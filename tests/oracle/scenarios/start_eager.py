"""start_eager.py - the first task comes with the answer to the start."""
import uuid

from kit.query import answer
from lab import command, seconds


def play(x):
    x.start(show=True, request_eager_execution=True)
    x.history()
    x.describe()
    for label, more in {"delayed": dict(workflow_start_delay=seconds(60)), "cron": dict(cron_schedule="0 0 1 1 *")}.items():
        x.workflow_id = f"{x.name}-{uuid.uuid4()}"
        answer = x.start(label=label, request_eager_execution=True, **more)
        x.say(f"== with a task: {bool(answer.eager_workflow_task.task_token)}")
    x.workflow_id = f"{x.name}-{uuid.uuid4()}"
    answer = x.start(request_eager_execution=True)
    x.complete(answer.eager_workflow_task, command("complete_workflow_execution"))
    x.history("completed")
    x.describe("completed")
