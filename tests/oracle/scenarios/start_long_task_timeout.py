"""start_long_task_timeout.py - a task time-out above the limit and the run's own."""
from lab import seconds


def play(x):
    x.start(workflow_task_timeout=seconds(1000), workflow_run_timeout=seconds(60))
    x.history()
    x.describe()
