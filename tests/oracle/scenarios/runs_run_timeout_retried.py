"""runs_run_timeout_retried.py - a run that times out is tried again, within the execution's time-out."""
from kit.runs import follow
from lab import command, seconds
from temporalio.api.common.v1 import RetryPolicy


def play(x):
    x.start(workflow_run_timeout=seconds(1), workflow_execution_timeout=seconds(30),
            retry_policy=RetryPolicy(initial_interval=seconds(1), maximum_attempts=2))
    x.await_close()
    x.history("first")
    follow(x)
    x.complete(x.poll(), command("complete_workflow_execution"))
    x.history("second")
    x.describe()
