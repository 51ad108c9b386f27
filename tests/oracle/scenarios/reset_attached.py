"""reset_attached.py - what was attached to the base before and behind the fork is known to the new run."""
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy
from temporalio.api.workflow.v1 import OnConflictOptions

from kit.basic import end
from kit.reset import both_runs, reset

USE = WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING


def attach(x, request_id):
    kept = x.run_id
    x.start(label=f"attach {request_id}", request_id=request_id, workflow_id_conflict_policy=USE,
            on_conflict_options=OnConflictOptions(attach_request_id=True), show=True)
    x.run_id = kept


def play(x):
    x.start(request_id="a start")
    base = x.run_id
    attach(x, "before")
    x.complete(x.poll())
    attach(x, "behind")
    x.signal("one")
    reset(x, 5)
    both_runs(x, base)
    for request_id in ("before", "behind", "new"):
        attach(x, request_id)
    end(x)
