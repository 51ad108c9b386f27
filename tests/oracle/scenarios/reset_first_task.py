"""reset_first_task.py - an open run is reset to its first workflow task; its signals come again."""
from kit.basic import end
from kit.reset import both_runs, reset


def play(x):
    x.start()
    base = x.run_id
    x.complete(x.poll())
    x.signal("one")
    x.complete(x.poll())
    x.signal("two")
    x.complete(x.poll())
    reset(x, 4, show=True)
    both_runs(x, base)
    end(x, x.poll(show=True))
