"""start_delay_cancel.py - a cancellation does not end the delay of a start."""
from kit.basic import end
from lab import seconds


def play(x):
    x.start(workflow_start_delay=seconds(2))
    x.cancel()
    x.history()
    end(x, x.poll(show=True))
