"""update_with_start_aborted_running.py - a running workflow closes under an update that came with a start: a new one begins."""
from kit.updates import Asked, accept, answer, done, known, update_with_start
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy as Conflict


def play(x):
    x.start()
    x.poll()
    asked = Asked(x, update_with_start, workflow_id_conflict_policy=Conflict.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
    known(x, "u", execution=WorkflowExecution(workflow_id=x.workflow_id))
    x.terminate()
    task = x.poll(show=True, label="task of the new run")
    answer(x, task, accept(task), done())
    asked.tell()
    x.outline()
    x.terminate()
