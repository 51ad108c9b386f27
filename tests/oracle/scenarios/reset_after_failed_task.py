"""reset_after_failed_task.py - to the end of a workflow task that failed, and of one that timed out."""
from kit.basic import anew, end
from kit.reset import both_runs, reset
from lab import seconds


def play(x):
    x.start()
    base = x.run_id
    x.fail_task(x.poll())
    x.complete(x.poll())
    reset(x, 4, label="to the failed task")
    both_runs(x, base)
    anew(x)
    x.fail_task(x.poll())
    x.signal("one")
    x.complete(x.poll())
    reset(x, 5, label="behind the failed task")
    x.history("history behind the failed task")
    end(x)
