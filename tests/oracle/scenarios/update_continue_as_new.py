"""update_continue_as_new.py - a workflow continues as new: its accepted update fails, its admitted one is turned away."""
import time

from kit.updates import accept, answer, ask, idle, poll_update
from lab import command
from temporalio.api.common.v1 import WorkflowExecution, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue


def play(x):
    idle(x)
    accepted = ask(x, "accepted")
    task = x.poll()
    answer(x, task, accept(task, "accepted"))
    x.signal()
    task = x.poll()
    named = ask(x, "named")
    time.sleep(1.2)  # a younger run goes on with a back-off
    x.complete(task, command("continue_as_new_workflow_execution", workflow_type=WorkflowType(name="wf-type"),
                             task_queue=TaskQueue(name=x.queue)), label="continue as new")
    accepted.tell()
    named.tell()
    x.outline("the first run")
    current = WorkflowExecution(workflow_id=x.workflow_id)
    poll_update(x, "accepted", label="accepted, of the first run")
    poll_update(x, "accepted", label="accepted, of the current run", execution=current)
    task = x.poll(show=True, label="task of the next run")
    x.run_id = task.workflow_execution.run_id
    x.history("history of the next run")
    x.terminate()
