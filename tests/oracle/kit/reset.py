"""reset.py - ResetWorkflowExecution: asking for it, and looking at all runs of it."""
import uuid

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def reset(x, event_id, run_id="", label="reset", show=False, **more):
    """The lab goes on with the new run."""
    more.setdefault("request_id", str(uuid.uuid4()))
    more.setdefault("workflow_execution", WorkflowExecution(workflow_id=x.workflow_id, run_id=run_id))
    more.setdefault("reason", "because")
    answer = x.call("ResetWorkflowExecution", api.ResetWorkflowExecutionRequest(
        namespace="default", workflow_task_finish_event_id=event_id, **more), label=label, show=show)
    if answer is not None:
        x.run_id = answer.run_id
    return answer


def at(x, run_id, look, *args):
    """Look at another run of the workflow."""
    kept, x.run_id = x.run_id, run_id
    look(*args)
    x.run_id = kept


def both_runs(x, base):
    at(x, base, x.history, "history of the base")
    at(x, base, x.describe, "describe the base")
    x.history("history of the new run")
    x.describe("describe the new run")


def last_task(x):
    """The id of the event that ended the last workflow task."""
    return max(e.event_id for e in x.events() if e.HasField("workflow_task_completed_event_attributes"))
