"""reset_points_chain.py - the points to reset to, and whether one can, go on into the next runs of a chain."""
from kit.children import ABANDON, await_type, start_child
from kit.retry import FAIL, app, policy
from kit.runs import follow
from lab import command
from temporalio.api.common.v1 import WorkerVersionStamp


def build(name):
    return {"worker_version_stamp": WorkerVersionStamp(build_id=name)}


def play(x):
    x.start(retry_policy=policy(maximum_attempts=2))
    x.complete(x.poll(), start_child(x, parent_close_policy=ABANDON), **build("one"))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    x.complete(x.poll(), command("continue_as_new_workflow_execution", retry_policy=policy(maximum_attempts=2)),
               **build("two"))
    follow(x)
    x.complete(x.poll(), command(FAIL, failure=app()), **build("three"))
    x.history("second")
    follow(x)
    x.complete(x.poll(), **build("two"))
    x.history("third")
    x.describe("third")
