"""start_delay_terminate.py - a run is terminated before its delayed first task."""
from lab import seconds


def play(x):
    x.start(workflow_start_delay=seconds(60))
    x.terminate(reason="r")
    x.history()
    x.describe()
