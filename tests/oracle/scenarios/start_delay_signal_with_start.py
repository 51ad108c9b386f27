"""start_delay_signal_with_start.py - signals with start whose starts are delayed: new, over a delayed run, repeated."""
from kit.basic import end
from kit.runs import signal_with_start
from lab import seconds


def play(x):
    signal_with_start(x, "new", workflow_start_delay=seconds(2), request_id="one", signal_name="a")
    signal_with_start(x, "again", workflow_start_delay=seconds(2), request_id="one", signal_name="b")
    signal_with_start(x, "over the delayed one", workflow_start_delay=seconds(60), signal_name="c")
    signal_with_start(x, "without a delay", signal_name="d")
    x.history("in its delay")
    x.describe("in its delay")
    end(x, x.poll(show=True))
