"""timeout_execution.py - the execution time-out."""
from lab import seconds


def play(x):
    x.start(workflow_execution_timeout=seconds(2))
    x.describe()
    x.complete(x.poll())
    x.await_close()
    x.history()
    x.describe("describe closed")
