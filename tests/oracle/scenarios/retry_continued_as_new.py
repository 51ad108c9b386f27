"""retry_continued_as_new.py - retries after a continuation."""
from kit.basic import end
from kit.retry import FAIL, app, follow, policy
from lab import command, payloads, seconds


def play(x):
    x.start(retry_policy=policy())
    x.complete(x.poll(), command("continue_as_new_workflow_execution", input=payloads("next"), retry_policy=policy(
        initial_interval=seconds(2), maximum_attempts=3), backoff_start_interval=seconds(1)))
    follow(x)
    x.complete(x.poll(), command(FAIL, failure=app()))
    follow(x)
    end(x, x.poll(show=True))
