"""child_retried.py - a child with a retry policy."""
from temporalio.api.common.v1 import RetryPolicy
from temporalio.api.failure.v1 import Failure

from kit.children import await_type, child_of, child_run, looking_at, parent_and_child
from lab import command, seconds


def play(x):
    parent_and_child(x, retry_policy=RetryPolicy(initial_interval=seconds(1.2), maximum_attempts=2))
    first = child_run(x)
    x.complete(x.poll(queue=x.queue + "-c"), command("fail_workflow_execution", failure=Failure(message="first")))
    x.complete(x.poll(queue=x.queue + "-c", show=True),
               command("fail_workflow_execution", failure=Failure(message="second")))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_FAILED")
    x.history("history of the parent")
    with looking_at(x, child_of(x)):
        x.history("history of the second try")
    with looking_at(x, child_of(x), first):
        x.history("history of the first try")
        x.describe("describe the first try")
