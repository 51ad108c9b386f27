"""retry_of_one_attempt.py - a policy of one attempt is no retry."""
from kit.retry import FAIL, app, policy
from lab import command


def play(x):
    x.start(retry_policy=policy(maximum_attempts=1))
    x.complete(x.poll(), command(FAIL, failure=app()))
    x.history()
