"""retry_fails_twice.py - a workflow fails as often as its policy allows."""
from temporalio.api.common.v1 import Header, Memo

from kit.basic import TEXT
from kit.retry import FAIL, app, follow, policy
from lab import command, payloads, seconds


def play(x):
    x.start(input=payloads("in"), identity="starter", retry_policy=policy(maximum_attempts=2), memo=Memo(fields={"m": TEXT}),
            header=Header(fields={"h": TEXT}), workflow_run_timeout=seconds(50), workflow_execution_timeout=seconds(100))
    x.complete(x.poll(), command(FAIL, failure=app()), show=True)
    follow(x)
    x.complete(x.poll(show=True), command(FAIL, failure=app("again")))
    x.history()
    x.describe()
