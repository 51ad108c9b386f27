"""start_delay_of_a_chain.py - the delay of a start holds for the first run alone, not for retries and continuations."""
from kit.retry import FAIL, app, policy
from kit.runs import follow
from lab import command, seconds


def play(x):
    x.start(workflow_start_delay=seconds(1), workflow_run_timeout=seconds(20), workflow_execution_timeout=seconds(50),
            retry_policy=policy(maximum_attempts=2))
    x.complete(x.poll(), command(FAIL, failure=app()))
    x.history("first")
    x.describe("first")
    follow(x)
    x.describe("second in back-off")
    x.complete(x.poll(), command("continue_as_new_workflow_execution"))
    x.history("second")
    follow(x)
    x.history("third")
    x.describe("third")
