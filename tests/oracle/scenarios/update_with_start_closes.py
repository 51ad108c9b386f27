"""update_with_start_closes.py - the workflow closes with its first task, and the update with it."""
from kit.updates import Asked, update_with_start
from lab import command, payloads


def play(x):
    asked = Asked(x, update_with_start)
    task = x.poll()
    x.complete(task, command("complete_workflow_execution", result=payloads("done")), label="complete without a word")
    asked.tell()
    x.run_id = task.workflow_execution.run_id
    x.outline()
