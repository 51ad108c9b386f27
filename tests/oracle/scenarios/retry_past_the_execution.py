"""retry_past_the_execution.py - a retry that would come after the execution time-out."""
from kit.retry import FAIL, app, policy
from lab import command, seconds


def play(x):
    x.start(retry_policy=policy(initial_interval=seconds(20)), workflow_execution_timeout=seconds(10))
    x.complete(x.poll(), command(FAIL, failure=app()))
    x.history()
