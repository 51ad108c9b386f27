"""child_terminated_chain.py - a child's retry is terminated in its back-off: the parent learns of the last run."""
from kit.children import await_type, child_of, looking_at, parent_and_child
from kit.retry import FAIL, app, policy
from lab import command, seconds


def play(x):
    parent_and_child(x, retry_policy=policy(initial_interval=seconds(60)))
    x.complete(x.poll(queue=x.queue + "-c"), command(FAIL, failure=app()))
    x.describe("describe the parent")
    with looking_at(x, child_of(x)):
        x.history("in back-off")
        x.terminate(reason="why")
        x.describe("terminated")
    await_type(x, "CHILD_WORKFLOW_EXECUTION_TERMINATED")
    x.history()
