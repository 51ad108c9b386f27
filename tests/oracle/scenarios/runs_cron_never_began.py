"""runs_cron_never_began.py - the execution of a schedule times out before its first task."""
from lab import seconds


def play(x):
    x.start(workflow_execution_timeout=seconds(1), cron_schedule="@every 3600s")
    x.await_close()
    x.history()
    x.describe()
