"""reset_task_started.py - the base has a started workflow task and a buffered signal; the fork is its Started event."""
from kit.basic import end
from kit.reset import both_runs, reset


def play(x):
    x.start()
    base = x.run_id
    task = x.poll()
    x.signal("buffered")
    reset(x, 3)
    x.complete(task, label="answer of the base run's worker")
    x.fail_task(task, label="failure of the base run's worker")
    both_runs(x, base)
    end(x)
