"""runs_terminate_if_running_with_child.py - a run that gives way to a new one of its id takes its child along."""
from kit.children import TERMINATE, await_type, child_of, child_run, looking_at, parent_and_child, start_child
from lab import payloads
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy

EXISTING = WorkflowIdConflictPolicy.Value("WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING")


def play(x):
    parent_and_child(x, parent_close_policy=TERMINATE)
    x.signal("before", input=payloads("i"))
    task = x.poll()
    x.signal("in the buffer")
    old, first = x.run_id, child_run(x)
    x.start(show=True, workflow_id_conflict_policy=EXISTING)
    x.complete(task, label="the old one's task")
    x.history("the old one", execution=x.execution(run_id=old))
    with looking_at(x, child_of(x), first):
        await_type(x, "WORKFLOW_EXECUTION_TERMINATED")
        x.history("the child")
    x.complete(x.poll(), start_child(x))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    x.history("the new one")
