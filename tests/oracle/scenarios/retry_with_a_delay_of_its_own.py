"""retry_with_a_delay_of_its_own.py - a failure that says when the next run starts."""
from kit.retry import FAIL, app, follow, policy
from lab import command, seconds


def play(x):
    x.start(retry_policy=policy(maximum_interval=seconds(3)))
    x.complete(x.poll(), command(FAIL, failure=app(next_retry_delay=seconds(2))))
    follow(x)
    x.complete(x.poll(), command(FAIL, failure=app(next_retry_delay=seconds(9))))
    follow(x)
    x.describe()
