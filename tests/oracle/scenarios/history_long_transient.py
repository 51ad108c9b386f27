"""history_long_transient.py - a second attempt with hundreds of events, in pages."""
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.task import OOPS
from lab import command


def play(x):
    x.start()
    x.complete(x.poll(), *[command("record_marker", marker_name=f"m{i}") for i in range(400)],
               force_create_new_workflow_task=True)
    x.fail_task(x.poll(), failure=OOPS)
    task = x.poll()
    ids, token = [e.event_id for e in task.history.events], task.next_page_token
    while token:
        page = x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
            namespace="default", execution=x.execution(), next_page_token=token), raises=True)
        ids += [e.event_id for e in page.history.events]
        token = page.next_page_token
    x.say(f"== {ids[0]} to {ids[-1]}, dense {ids == list(range(1, len(ids) + 1))}, started {task.started_event_id}")
