"""task_force_without_return.py - a task that is asked for, not returned."""
from kit.basic import end


def play(x):
    x.start()
    x.complete(x.poll(), force_create_new_workflow_task=True, show=True)
    end(x, x.poll(show=True))
