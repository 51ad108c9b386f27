"""start_sub_second_timeouts.py - time-outs with fractions of seconds."""
from lab import seconds


def play(x):
    x.start(workflow_task_timeout=seconds(1.5), workflow_run_timeout=seconds(60.25))
    x.history()
    x.describe()
