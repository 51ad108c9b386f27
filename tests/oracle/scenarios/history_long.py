"""history_long.py - a task with a thousand events, in pages."""
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from lab import command


def play(x):
    x.start()
    for _ in range(3):
        task = x.poll()
        x.complete(task, *[command("record_marker", marker_name=f"m{i}") for i in range(300)],
                   force_create_new_workflow_task=True)
    task = x.poll()
    x.say(f"== {task.previous_started_event_id}, {task.started_event_id}")  # pages are cut elsewhere
    ids = [e.event_id for e in task.history.events]
    token = task.next_page_token
    while token:
        page = x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
            namespace="default", execution=x.execution(), next_page_token=token), raises=True)
        ids += [e.event_id for e in page.history.events]
        token = page.next_page_token
    x.say(f"== {ids[0]} to {ids[-1]}, dense {ids == list(range(1, len(ids) + 1))}")
    x.complete(task, command("complete_workflow_execution"))
    x.outline()
