"""retry_close_event.py - the close event of runs that a retry or cron follows, for clients that follow it and that do not."""
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import HistoryEventFilterType
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.basic import anew
from kit.retry import FAIL, app, policy
from lab import command, payloads, seconds


def closes(x, run_id, what):
    for label, features in (("", None), (", follows", "follows-next-run-id"), (", among others", "a,follows-next-run-id"),
                            (", others", "a,b")):
        x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
            namespace="default", execution=WorkflowExecution(workflow_id=x.workflow_id, run_id=run_id), wait_new_event=True,
            history_event_filter_type=HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT),
            label=what + label, show=True, metadata=(("supported-features", features),) if features else ())


def play(x):
    x.start(retry_policy=policy(maximum_attempts=2))
    first = x.run_id
    x.complete(x.poll(), command(FAIL, failure=app()))
    closes(x, first, "failed")
    task = x.poll()
    x.complete(task, command(FAIL, failure=app("again")))
    closes(x, task.workflow_execution.run_id, "failed at last")
    anew(x, cron_schedule="@every 1s", workflow_run_timeout=seconds(2))
    first = x.run_id
    x.complete(x.poll(), command("complete_workflow_execution", result=payloads("done")))
    closes(x, first, "completed")
    task = x.poll()
    x.run_id = task.workflow_execution.run_id
    closes(x, x.run_id, "timed out")
    x.run_id = ""
    x.terminate()
