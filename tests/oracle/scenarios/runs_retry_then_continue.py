"""runs_retry_then_continue.py - the second attempt of a run continues as new, and the next fails: attempts anew."""
from kit.retry import FAIL, app, follow, policy
from lab import command, payloads


def play(x):
    x.start(input=payloads("in"), retry_policy=policy(maximum_attempts=2))
    x.complete(x.poll(), command(FAIL, failure=app()))
    follow(x)
    x.complete(x.poll(), command("continue_as_new_workflow_execution", input=payloads("next"),
                                 retry_policy=policy(maximum_attempts=2)))
    follow(x)
    x.complete(x.poll(show=True), command(FAIL, failure=app("again")))
    follow(x)
    x.describe()
