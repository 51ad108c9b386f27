"""history_wait_token_later.py - the token of a wait for new events, used without waiting."""
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.updates import idle


def read(x, label, **more):
    page = x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(
        namespace="default", execution=x.execution(), **more), raises=True)
    x.say(f"== {label}: {[event.event_id for event in page.history.events]}, "
          f"{'a' if page.next_page_token else 'no'} token")
    return page.next_page_token


def play(x):
    idle(x)
    token = read(x, "waiting", wait_new_event=True)
    read(x, "nothing came, without waiting", next_page_token=token)
    x.signal()
    read(x, "a signal came, without waiting", next_page_token=token)
    read(x, "a signal came, waiting", next_page_token=token, wait_new_event=True)
    x.terminate()
    read(x, "closed, without waiting", next_page_token=token)
    read(x, "closed, waiting", next_page_token=token, wait_new_event=True)
