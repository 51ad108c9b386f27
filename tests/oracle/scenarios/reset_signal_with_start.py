"""reset_signal_with_start.py - a reset of a run that came with a signal: its request id, before and after."""
from kit.basic import end
from kit.reset import both_runs, reset
from kit.runs import signal_with_start
from lab import payloads


def play(x):
    x.run_id = signal_with_start(x, "new", signal_input=payloads("s")).run_id
    base = x.run_id
    x.complete(x.poll())
    x.describe("before")
    reset(x, 5)
    both_runs(x, base)
    end(x)
