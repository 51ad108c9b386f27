"""update_unnamed_continue_as_new.py - an update that names no run comes while the workflow continues as new."""
import time

from temporalio.api.common.v1 import WorkflowExecution, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.updates import ask, idle
from lab import command


def play(x):
    idle(x)
    x.signal()
    task = x.poll()
    ask(x, "u", execution=WorkflowExecution(workflow_id=x.workflow_id))
    time.sleep(1.2)  # a younger run goes on with a back-off
    x.complete(task, command("continue_as_new_workflow_execution", workflow_type=WorkflowType(name="wf-type"),
                             task_queue=TaskQueue(name=x.queue)), label="continue as new")
    x.outline("the first run")
    task = x.poll()
    x.run_id = task.workflow_execution.run_id
    x.say(f"== messages of the next run's task: {[m.protocol_instance_id for m in task.messages]}")
    x.terminate()
