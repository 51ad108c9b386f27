"""timeout_run_while_started.py - the run time-out while a workflow task runs."""
from lab import seconds


def play(x):
    x.start(workflow_run_timeout=seconds(2))
    task = x.poll()
    x.signal()
    x.await_close()
    x.complete(task)
    x.history()
    x.describe("describe closed")
