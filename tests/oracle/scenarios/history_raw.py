"""history_raw.py - histories as the batches that were written: pages, the close event, what comes later, in reverse."""
from temporalio.api.enums.v1 import HistoryEventFilterType
from temporalio.api.history.v1 import History
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.activity import activity
from kit.basic import anew
from lab import command, payloads

SETTINGS = {"frontend.sendRawWorkflowHistory": True}
CLOSE = HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT


def read(x, label, show=False, **more):
    """The batches of a page, each as its events' ids, or whole."""
    page = x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
        namespace="default", execution=x.execution(), **more), raises=True)
    x.say(f"== {label}: history {'is' if page.HasField('history') else 'is not'} set, {len(page.history.events)} events, "
          f"{'a' if page.next_page_token else 'no'} token")
    for blob in page.raw_history:
        batch = History.FromString(blob.data)
        x.say(f"  encoding {blob.encoding_type}: {[event.event_id for event in batch.events]}")
        if show:
            x.show("batch", batch)
    return page.next_page_token


def play(x):
    x.start()
    read(x, "started", show=True)
    token = read(x, "started, and waiting", wait_new_event=True)
    x.complete(x.poll(), activity(x), command("record_marker", marker_name="m", details={"d": payloads("d")}))
    read(x, "what came", next_page_token=token, wait_new_event=True)
    x.signal()
    x.fail_task(x.poll())
    read(x, "with a transient task")
    for size in (4, 5):  # after a full page the reference has one more
        token = read(x, f"pages of {size}", maximum_page_size=size)
        while token:
            token = read(x, "  next", maximum_page_size=size, next_page_token=token)
    read(x, "close event of a run that is open", history_event_filter_type=CLOSE)
    x.terminate()
    anew(x)
    x.complete(x.poll(), activity(x))
    x.signal()
    x.complete(x.poll(), command("complete_workflow_execution", result=payloads("done")))
    read(x, "whole")
    read(x, "close event", history_event_filter_type=CLOSE)
    read(x, "close event, waiting", history_event_filter_type=CLOSE, wait_new_event=True)
    x.call("GetWorkflowExecutionHistoryReverse", api.GetWorkflowExecutionHistoryReverseRequest(
        namespace="default", execution=x.execution(), maximum_page_size=100), label="in reverse", show=True)
