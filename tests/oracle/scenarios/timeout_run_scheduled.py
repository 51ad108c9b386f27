"""timeout_run_scheduled.py - the run time-out before the first task is polled."""
from lab import seconds


def play(x):
    x.start(workflow_run_timeout=seconds(1))
    x.await_close()
    x.history()
    x.describe("describe closed")
