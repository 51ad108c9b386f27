"""child_parent_retried.py - a parent that fails and is tried again, with a child of each policy."""
from kit.children import ABANDON, REQUEST_CANCEL, TERMINATE, await_type, child_of, looking_at, start_child
from kit.retry import FAIL, app, follow, policy
from lab import command, payloads


def play(x):
    x.start(retry_policy=policy(maximum_attempts=2))
    policies = {"t": TERMINATE, "a": ABANDON, "c": REQUEST_CANCEL}
    x.complete(x.poll(), *(start_child(x, workflow_id=child_of(x) + name, parent_close_policy=policy)
                           for name, policy in policies.items()))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED", 3)
    x.complete(x.poll(), command(FAIL, failure=app()))
    x.describe("the first try")
    x.run_id = x.events()[-1].workflow_execution_failed_event_attributes.new_execution_run_id
    for name, state in (("t", "WORKFLOW_EXECUTION_TERMINATED"), ("c", "WORKFLOW_EXECUTION_CANCEL_REQUESTED"),
                        ("a", "WORKFLOW_TASK_SCHEDULED")):
        with looking_at(x, child_of(x) + name):
            await_type(x, state)
            x.outline(name)
    x.complete(x.poll(queue=x.queue + "-c"), command("complete_workflow_execution", result=payloads("late")))
    x.complete(x.poll(), start_child(x, workflow_id=child_of(x) + "t"))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    x.history("the second try")
