"""test_pages_of_tasks.py - how many events come with a workflow task and with a query, and where the rest is."""

import threading

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    QueryWorkflowRequest,
    RespondQueryTaskCompletedRequest,
    TerminateWorkflowExecutionRequest,
)

from limits import Limited


@pytest.fixture(scope="module")
def limited():
    limited = Limited()
    yield limited
    limited.stop()


def rest_of(space, task):
    """The ids of the events that the task brings, and of those that its page token leads to."""
    brought = [event.event_id for event in task.history.events]
    ids, token = list(brought), task.next_page_token
    while token:
        page = space.call(
            "GetWorkflowExecutionHistory",
            GetWorkflowExecutionHistoryRequest(
                namespace=space.name, execution=task.workflow_execution, next_page_token=token
            ),
        )
        ids += [event.event_id for event in page.history.events]
        token = page.next_page_token
    return brought, ids


def test_tasks_and_queries_bring_a_page(limited):
    space = limited.namespace(limit__historyMaxPageSize=4, matching__historyMaxPageSize=3)
    space.start("wf")
    for _ in range(2):  # two heartbeats: events 1 to 9 are there with the third task
        space.complete(space.poll(), force_create_new_workflow_task=True)
    task = space.poll()
    brought, all_of_them = rest_of(space, task)
    assert brought == [1, 2, 3, 4]
    assert all_of_them == list(range(1, 10))
    space.complete(task)

    execution = WorkflowExecution(workflow_id="wf")
    query = QueryWorkflowRequest(namespace=space.name, execution=execution, query=WorkflowQuery(query_type="q"))
    asking = threading.Thread(target=space.call, args=("QueryWorkflow", query))
    asking.start()
    task = space.poll()
    brought, all_of_them = rest_of(space, task)
    assert brought == [1, 2, 3]
    assert all_of_them == list(range(1, 11))
    space.call(
        "RespondQueryTaskCompleted",
        RespondQueryTaskCompletedRequest(namespace=space.name, task_token=task.task_token, completed_type=1),
    )
    asking.join(20)
    assert not asking.is_alive()
    space.call(
        "TerminateWorkflowExecution",
        TerminateWorkflowExecutionRequest(namespace=space.name, workflow_execution=execution),
    )
