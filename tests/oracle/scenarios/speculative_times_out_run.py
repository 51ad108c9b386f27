"""speculative_times_out_run.py - the workflow runs out of time while the task of an update is started."""
from kit.updates import ask
from lab import seconds


def play(x):
    x.start(workflow_run_timeout=seconds(2))
    x.complete(x.poll())
    asked = ask(x)
    x.poll(show=True)
    asked.tell()
    x.await_close()
    x.history()
