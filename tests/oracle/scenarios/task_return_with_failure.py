"""task_return_with_failure.py - an answer that fails its task and wants the next one."""
from lab import command


def play(x):
    x.start()
    x.complete(x.poll(), command("cancel_timer", timer_id="none"), return_new_workflow_task=True, show=True)
    task = x.poll()
    x.signal()
    x.complete(task, command("complete_workflow_execution"), return_new_workflow_task=True, show=True)
    x.history()
