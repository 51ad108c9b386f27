"""task_failed_without_failure.py - a workflow task fails with neither cause nor failure."""
from kit.basic import end


def play(x):
    x.start()
    x.fail_task(x.poll())
    x.history()
    end(x, x.poll(show=True))
