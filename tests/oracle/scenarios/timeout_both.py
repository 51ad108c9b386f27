"""timeout_both.py - run and execution time-outs, the shorter one counts."""
from lab import seconds


def play(x):
    x.start(workflow_execution_timeout=seconds(2), workflow_run_timeout=seconds(1), workflow_task_timeout=seconds(20))
    x.history("history at the start")
    x.describe()
    x.await_close()
    x.history()
