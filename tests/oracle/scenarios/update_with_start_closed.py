"""update_with_start_closed.py - an update with a start meets a closed workflow: its updates, every reuse policy."""
from kit.updates import Asked, accept, answer, ask, done, idle, update_with_start
from lab import command, payloads
from temporalio.api.enums.v1 import WorkflowIdReusePolicy as Reuse


def play(x):
    idle(x)
    asked = ask(x, "kept")
    task = x.poll()
    answer(x, task, accept(task, "kept"), done("kept"))
    asked.tell()
    x.signal()
    x.complete(x.poll(), command("complete_workflow_execution", result=payloads("done")))
    update_with_start(x, "kept", label="the completed update",
                      workflow_id_reuse_policy=Reuse.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE)
    update_with_start(x, "new", label="reject duplicate",
                      workflow_id_reuse_policy=Reuse.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE)
    update_with_start(x, "new", label="allow duplicate failed only",
                      workflow_id_reuse_policy=Reuse.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY)
    asked = Asked(x, update_with_start, "new", label="allow duplicate",
                  workflow_id_reuse_policy=Reuse.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE)
    task = x.poll(show=True)
    answer(x, task, accept(task, "new"), done("new"))
    asked.tell()
    x.terminate()
