"""start_delay_signal.py - a signal does not end the delay of a start."""
from kit.basic import end
from lab import seconds


def play(x):
    x.start(workflow_start_delay=seconds(2))
    x.signal()
    x.describe()
    end(x, x.poll(show=True))
