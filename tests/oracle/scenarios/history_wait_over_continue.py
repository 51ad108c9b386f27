"""history_wait_over_continue.py - whoever waits for the end of a run that continues as new gets its last event, not the next run."""
from temporalio.api.common.v1 import WorkflowType
from temporalio.api.enums.v1 import HistoryEventFilterType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.basic import end
from kit.reads import read
from lab import command


def play(x):
    close_event = HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT
    x.start()
    task = x.poll()
    waiting = x.behind(lambda: x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
        namespace="default", execution=x.execution(), wait_new_event=True, history_event_filter_type=close_event), 20.0))
    waiting.join(0.3)
    x.complete(task, command("continue_as_new_workflow_execution", workflow_type=WorkflowType(name="wf-type"),
                             task_queue=TaskQueue(name=x.queue)))
    waiting.join(20)
    read(x, "the end of the first run", wait_new_event=True, history_event_filter_type=close_event)
    read(x, "no run named, not closed", execution=x.execution(run_id=""), history_event_filter_type=close_event)
    x.complete(x.poll(), command("complete_workflow_execution"))
    read(x, "no run named, closed", execution=x.execution(run_id=""), wait_new_event=True,
         history_event_filter_type=close_event)
