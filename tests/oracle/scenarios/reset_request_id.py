"""reset_request_id.py - another request id is another reset; the current run is not the base."""
from kit.basic import end
from kit.reset import both_runs, reset


def play(x):
    x.start()
    base = x.run_id
    x.complete(x.poll())
    x.signal("one")
    reset(x, 4)
    second = x.run_id
    x.signal("two")
    x.complete(x.poll())
    reset(x, 4, run_id=base, label="reset of the base again")
    both_runs(x, base)
    x.run_id, third = second, x.run_id
    x.history("history of the second run")
    x.describe("describe the second run")
    x.run_id = third
    end(x)
