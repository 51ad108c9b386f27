"""cron_and_retry.py - a schedule with a retry policy."""
from kit.retry import FAIL, app, early_in_a_second, follow, policy
from lab import command


def play(x):
    early_in_a_second()
    x.start(cron_schedule="@every 3s", retry_policy=policy(maximum_attempts=2))
    x.complete(x.poll(), command(FAIL, failure=app()))
    follow(x)
    x.complete(x.poll(show=True), command(FAIL, failure=app()))
    follow(x)
    x.describe()
