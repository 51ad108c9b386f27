"""reset_last_task.py - an open run is reset to its last workflow task, with the next one pending."""
from kit.basic import end
from kit.reset import both_runs, last_task, reset


def play(x):
    x.start()
    base = x.run_id
    x.complete(x.poll())
    x.signal("one")
    x.complete(x.poll())
    x.signal("two")
    reset(x, last_task(x))
    both_runs(x, base)
    end(x)
