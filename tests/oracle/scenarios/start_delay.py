"""start_delay.py - a start that is delayed by a second."""
from kit.basic import end
from lab import seconds


def play(x):
    x.start(show=True, workflow_start_delay=seconds(1), workflow_run_timeout=seconds(20))
    x.describe()
    end(x, x.poll(show=True))
