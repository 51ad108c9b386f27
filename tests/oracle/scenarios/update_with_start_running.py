"""update_with_start_running.py - an update with a start meets a running workflow: every conflict policy."""
from kit.updates import ACCEPTED, Asked, accept, answer, done, update_with_start
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy as Conflict


def play(x):
    x.start()
    x.complete(x.poll())
    first = x.run_id
    update_with_start(x, "fail", label="conflict policy unspecified")
    update_with_start(x, "fail", label="conflict policy fail",
                      workflow_id_conflict_policy=Conflict.WORKFLOW_ID_CONFLICT_POLICY_FAIL)
    asked = Asked(x, update_with_start, "use", ACCEPTED, label="conflict policy use existing",
                  workflow_id_conflict_policy=Conflict.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
    task = x.poll(show=True, label="task of the running one")
    answer(x, task, accept(task, "use"))
    asked.tell()
    update_with_start(x, "use", ACCEPTED, label="again, although the policy is to fail")
    x.signal()
    answer(x, x.poll(), done("use"))
    update_with_start(x, "use", label="again when it is completed")
    asked = Asked(x, update_with_start, "terminate", label="conflict policy terminate existing",
                  workflow_id_conflict_policy=Conflict.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING)
    task = x.poll(show=True, label="task of the new one")
    answer(x, task, accept(task, "terminate"), done("terminate"))
    asked.tell()
    x.history("history of the new run")
    x.terminate()
    x.run_id = first
    x.history("history of the first run")
