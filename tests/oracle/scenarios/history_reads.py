"""history_reads.py - pages, filters, waiting reads and the reverse order."""
import time
import uuid

from temporalio.api.enums.v1 import HistoryEventFilterType
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from lab import command, seconds


def play(x):
    x.start()
    for i in range(3):
        x.signal(f"s{i}")
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60)))
    x.history("one by one", maximum_page_size=1)
    x.history("two by two", maximum_page_size=2)
    both = dict(namespace="default", execution=x.execution())
    page = x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
        history_event_filter_type=HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT, **both))
    x.show("close event of a running one", page)
    page = x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(wait_new_event=True, **both))
    x.show("waiting, first", page)
    thread = x.behind(lambda: x.show("waiting, second", x.call(
        "GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
            wait_new_event=True, next_page_token=page.next_page_token, **both))))
    time.sleep(0.3)
    x.signal("later")
    thread.join(15)
    waiter = x.behind(lambda: x.show("waiting for the close", x.call(
        "GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
            wait_new_event=True, history_event_filter_type=HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
            **both), timeout=30)))
    task = x.poll()
    x.complete(task, command("complete_workflow_execution"))
    waiter.join(15)
    x.show("close event", x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
        history_event_filter_type=HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT, **both)))
    x.show("waiting on a closed one", x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
        wait_new_event=True, **both)))
    x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
        namespace="default", execution=x.execution(run_id=str(uuid.uuid4()))), label="token of another run")
    x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
        namespace="default", execution=x.execution(run_id=str(uuid.uuid4())), next_page_token=page.next_page_token),
        label="token and other run", show=True)
    x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(maximum_page_size=-1, **both),
           label="negative page size", show=True)
    x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(skip_archival=True, **both),
           label="skip archival", show=True)
