"""task_force_and_return.py - a task that is asked for and returned with the answer."""
from kit.basic import end
from lab import command


def play(x):
    x.start()
    first = x.complete(x.poll(), command("record_marker", marker_name="m"), force_create_new_workflow_task=True,
                       return_new_workflow_task=True, show=True)
    if first is not None and first.workflow_task.task_token:
        again = x.complete(first.workflow_task, force_create_new_workflow_task=True, return_new_workflow_task=True,
                           show=True, label="heartbeat")
        end(x, again.workflow_task)
