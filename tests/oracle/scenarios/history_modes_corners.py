"""history_modes_corners.py - histories by workflow id alone, in reverse page by page, of tokens that are another's."""
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import HistoryEventFilterType
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.basic import anew
from kit.chain import KIND
from kit.reads import read, whole
from lab import command

CLOSE = HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT
REVERSE = "GetWorkflowExecutionHistoryReverse"


def play(x):
    x.start()
    x.complete(x.poll(), command(KIND))
    first = x.execution()
    by_id = WorkflowExecution(workflow_id=x.workflow_id)
    read(x, "the current run", execution=by_id)
    read(x, "close of the current run", execution=by_id, history_event_filter_type=CLOSE)
    read(x, "close of the first run", execution=first, history_event_filter_type=CLOSE)
    read(x, "close of the first run, waiting", execution=first, history_event_filter_type=CLOSE, wait_new_event=True)
    read(x, "unknown filter", execution=first, history_event_filter_type=7)
    whole(x, "in reverse", REVERSE, maximum_page_size=1)
    anew(x)
    for i in range(3):
        x.signal(f"s{i}")
    page = x.call(REVERSE, api.GetWorkflowExecutionHistoryReverseRequest(
        namespace="default", execution=x.execution(), maximum_page_size=2), label="first reverse page", show=True)
    x.call(REVERSE, api.GetWorkflowExecutionHistoryReverseRequest(
        namespace="default", execution=WorkflowExecution(workflow_id=x.workflow_id),
        next_page_token=page.next_page_token), label="reverse token, no run", show=True)
    token = page.next_page_token
    anew(x)
    x.call(REVERSE, api.GetWorkflowExecutionHistoryReverseRequest(
        namespace="default", execution=x.execution(), next_page_token=token), label="reverse token of another", show=True)
    x.call(REVERSE, api.GetWorkflowExecutionHistoryReverseRequest(
        namespace="default", execution=x.execution(), next_page_token=b"bad"), label="bad reverse token", show=True)
    x.call(REVERSE, api.GetWorkflowExecutionHistoryReverseRequest(
        namespace="default", execution=x.execution(), maximum_page_size=-1), label="negative reverse page", show=True)
