"""runs_execution_timeout_not_retried.py - a run that ends by the time-out of its execution is not tried again."""
from kit.retry import FAIL, app, policy
from kit.runs import follow
from lab import command, seconds


def play(x):
    x.start(workflow_execution_timeout=seconds(2.5), workflow_run_timeout=seconds(60),
            retry_policy=policy(initial_interval=seconds(1)))
    x.history("first")
    x.complete(x.poll(), command(FAIL, failure=app()))
    follow(x)
    x.history("second")
    x.await_close()
    x.history("second, timed out")
    x.describe()
