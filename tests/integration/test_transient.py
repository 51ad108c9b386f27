"""test_transient.py - what readers of a history see of a workflow task's further attempts."""

import pytest

from harness import raw_channel, unique, wait_until
from history_checker import types_of
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import HistoryEventFilterType
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryResponse,
    RespondWorkflowTaskFailedRequest,
    SignalWorkflowExecutionRequest,
)
from test_hostile import CLOSE, NAMESPACE, WORKFLOW, Asker, complete, namespaces, poll_workflow, start  # noqa: F401

WRITTEN = ["WorkflowExecutionStarted", "WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskFailed"]
PEOPLE = ["temporal-cli", "temporal-ui"]


def read(server, workflow_id, client=None, **more):
    """All events, as a client of that name sees them."""
    request = GetWorkflowExecutionHistoryRequest(
        namespace=NAMESPACE, execution=WorkflowExecution(workflow_id=workflow_id), **more
    )
    headers = (("client-name", client),) if client else ()
    events = []
    with raw_channel(server.address) as call:
        while True:
            page = GetWorkflowExecutionHistoryResponse.FromString(
                call(
                    WORKFLOW + "GetWorkflowExecutionHistory", request.SerializeToString(), metadata=headers
                )
            )
            events += page.history.events
            if not page.next_page_token or request.wait_new_event:
                return events
            request.next_page_token = page.next_page_token


@pytest.mark.parametrize("client", [None, "temporal-python", "temporal-go", *PEOPLE])
def test_the_second_attempt_is_shown_to_workers(server, client):
    name = unique("transient")
    with raw_channel(server.address) as call:
        ask = Asker(call)
        start(ask, name)
        task = poll_workflow(ask, name)
        assert types_of(read(server, name, client)) == WRITTEN[:3]  # the first one is written
        ask(RespondWorkflowTaskFailedRequest(namespace=NAMESPACE, task_token=task.task_token))
        shown = [] if client in PEOPLE else ["WorkflowTaskScheduled"]
        assert types_of(read(server, name, client)) == [*WRITTEN, *shown]
        task = poll_workflow(ask, name)
        assert task.attempt == 2
        if shown:
            shown.append("WorkflowTaskStarted")
        for page_size in (0, 1, 2, 4):
            events = read(server, name, client, maximum_page_size=page_size)
            assert types_of(events) == [*WRITTEN, *shown]
            assert [e.event_id for e in events] == list(range(1, len(events) + 1))
        assert types_of(read(server, name, client, wait_new_event=True)) == [*WRITTEN, *shown]
        closing = HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT
        assert not read(server, name, client, history_event_filter_type=closing)
        if shown:
            started = events[-1].workflow_task_started_event_attributes
            assert started.scheduled_event_id == 5 and not started.identity
            assert events[-2].workflow_task_scheduled_event_attributes.attempt == 2
            assert [e.event_id for e in task.history.events] == [e.event_id for e in events]
        complete(ask, task.task_token, CLOSE)
        assert types_of(read(server, name, client)) == [
            *WRITTEN,
            "WorkflowTaskScheduled",
            "WorkflowTaskStarted",
            "WorkflowTaskCompleted",
            "WorkflowExecutionCompleted",
        ]


def test_what_overtakes_it_hides_it(server):
    """A signal takes the id that the second attempt would have had: it will be a first one."""
    name = unique("transient")
    with raw_channel(server.address) as call:
        ask = Asker(call)
        start(ask, name)
        task = poll_workflow(ask, name)
        ask(RespondWorkflowTaskFailedRequest(namespace=NAMESPACE, task_token=task.task_token))
        ask(
            SignalWorkflowExecutionRequest(
                namespace=NAMESPACE, workflow_execution=WorkflowExecution(workflow_id=name), signal_name="s"
            )
        )
        assert types_of(read(server, name)) == [*WRITTEN, "WorkflowExecutionSignaled"]
        complete(ask, poll_workflow(ask, name).task_token, CLOSE)
        wait_until(lambda: types_of(read(server, name))[-1] == "WorkflowExecutionCompleted", 5, "its end")
