"""history_page_bounds.py - how many events a page of a given size holds."""
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from lab import command


def play(x):
    x.start()
    task = x.poll()
    x.signal()
    x.complete(task, command("record_marker", marker_name="m"))
    for size in (1, 2, 3):
        page = x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
            namespace="default", execution=x.execution(), maximum_page_size=size))
        x.say(f"== a page of {size} holds {len(page.history.events)}")
