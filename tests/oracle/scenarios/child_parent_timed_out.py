"""child_parent_timed_out.py - a parent that times out, with a child of each policy."""
from kit.children import ABANDON, REQUEST_CANCEL, TERMINATE, await_type, child_of, looking_at, start_child
from lab import command, seconds


def play(x):
    x.start(workflow_run_timeout=seconds(1.5))
    policies = {"t": TERMINATE, "a": ABANDON, "c": REQUEST_CANCEL}
    x.complete(x.poll(), *(start_child(x, workflow_id=child_of(x) + name, parent_close_policy=policy)
                           for name, policy in policies.items()))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED", 3)
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60)))
    x.await_close()
    x.describe()
    for name, state in (("t", "WORKFLOW_EXECUTION_TERMINATED"), ("c", "WORKFLOW_EXECUTION_CANCEL_REQUESTED"),
                        ("a", "WORKFLOW_TASK_SCHEDULED")):
        with looking_at(x, child_of(x) + name):
            await_type(x, state)
            x.history("history of " + name)
            x.describe("describe " + name)
