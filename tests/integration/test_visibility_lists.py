"""test_visibility_lists.py - the older lists: open, closed, scanned, archived; and pages of a filtered one."""

import time
import uuid

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.filter.v1 import (
    StartTimeFilter,
    StatusFilter,
    WorkflowExecutionFilter,
    WorkflowTypeFilter,
)
from temporalio.api.workflowservice.v1 import (
    ListArchivedWorkflowExecutionsRequest,
    ListClosedWorkflowExecutionsRequest,
    ListOpenWorkflowExecutionsRequest,
    ListWorkflowExecutionsRequest,
    ScanWorkflowExecutionsRequest,
)
from temporalio.service import RPCError, RPCStatusCode

from harness import NAMESPACE


async def three(session, queue):
    """Executions of a type of their own, the last one terminated: type, ids."""
    kind, ids = f"Kind'{uuid.uuid4().hex[:8]}", [f"list-{uuid.uuid4()}" for _ in range(3)]
    handles = [await session.client.start_workflow(kind, id=id, task_queue=queue) for id in ids]
    await handles[2].terminate()
    return kind, ids


def ids_of(answer):
    return [e.execution.workflow_id for e in answer.executions]


async def test_open_and_closed(session, queue):
    service = session.client.workflow_service
    kind, ids = await three(session, queue)
    of_type = WorkflowTypeFilter(name=kind)
    found = await service.list_open_workflow_executions(
        ListOpenWorkflowExecutionsRequest(namespace=NAMESPACE, type_filter=of_type)
    )
    assert sorted(ids_of(found)) == sorted(ids[:2])
    found = await service.list_closed_workflow_executions(
        ListClosedWorkflowExecutionsRequest(namespace=NAMESPACE, type_filter=of_type)
    )
    assert ids_of(found) == ids[2:]
    found = await service.list_open_workflow_executions(
        ListOpenWorkflowExecutionsRequest(
            namespace=NAMESPACE,
            execution_filter=WorkflowExecutionFilter(workflow_id=ids[0]),
            start_time_filter=StartTimeFilter(earliest_time=Timestamp(seconds=int(time.time()) - 60)),
        )
    )
    assert ids_of(found) == ids[:1]
    found = await service.list_closed_workflow_executions(
        ListClosedWorkflowExecutionsRequest(
            namespace=NAMESPACE,
            status_filter=StatusFilter(status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED),
            start_time_filter=StartTimeFilter(
                earliest_time=Timestamp(seconds=int(time.time()) - 60),
                latest_time=Timestamp(seconds=int(time.time()) + 60),
            ),
        )
    )
    assert ids[2] in ids_of(found)


async def test_what_they_refuse(session):
    service = session.client.workflow_service
    backwards = StartTimeFilter(earliest_time=Timestamp(seconds=9), latest_time=Timestamp(seconds=8))
    running = StatusFilter(status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING)
    cases = [
        (
            service.list_open_workflow_executions,
            ListOpenWorkflowExecutionsRequest(namespace=NAMESPACE, start_time_filter=backwards),
            "EarliestTime in StartTimeFilter should not be larger than LatestTime.",
        ),
        (
            service.list_closed_workflow_executions,
            ListClosedWorkflowExecutionsRequest(namespace=NAMESPACE, status_filter=running),
            "StatusFilter must be specified and must be not Running.",
        ),
        (
            service.list_archived_workflow_executions,
            ListArchivedWorkflowExecutionsRequest(namespace=NAMESPACE),
            "Cluster is not configured for visibility archival.",
        ),
        (
            service.list_archived_workflow_executions,
            ListArchivedWorkflowExecutionsRequest(namespace=NAMESPACE, page_size=10001),
            "PageSize is larger than allowed 10000.",
        ),
        (
            service.list_workflow_executions,
            ListWorkflowExecutionsRequest(namespace=NAMESPACE, query="WorkflowType = "),
            "invalid query: malformed SQL query: syntax error at position 16",
        ),
    ]
    for method, request, text in cases:
        with pytest.raises(RPCError) as caught:
            await method(request)
        assert (caught.value.status, caught.value.message) == (RPCStatusCode.INVALID_ARGUMENT, text)


async def test_pages_of_a_scan_with_a_filter(session, queue):
    kind, ids = await three(session, queue)
    seen, token = [], b""
    while True:
        page = await session.client.workflow_service.scan_workflow_executions(
            ScanWorkflowExecutionsRequest(
                namespace=NAMESPACE, page_size=1, next_page_token=token, query=f'WorkflowType = "{kind}"'
            )
        )
        seen += ids_of(page)
        token = page.next_page_token
        if not token:
            break
    assert sorted(seen) == sorted(ids)
    assert seen[-1] == ids[2]  # those that are open come first


async def test_an_operator_switches_their_filters_off(session, queue, own_server):
    service = session.client.workflow_service
    of_type = WorkflowTypeFilter(name="Any")
    terminated = StatusFilter(status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED)
    unset = StatusFilter(status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED)
    by_id = WorkflowExecutionFilter(workflow_id="any")
    filtered = [
        (service.list_open_workflow_executions, ListOpenWorkflowExecutionsRequest, {"type_filter": of_type}),
        (service.list_open_workflow_executions, ListOpenWorkflowExecutionsRequest, {"execution_filter": by_id}),
        (service.list_closed_workflow_executions, ListClosedWorkflowExecutionsRequest, {"type_filter": of_type}),
        (service.list_closed_workflow_executions, ListClosedWorkflowExecutionsRequest, {"execution_filter": by_id}),
        (service.list_closed_workflow_executions, ListClosedWorkflowExecutionsRequest, {"status_filter": terminated}),
        (service.list_closed_workflow_executions, ListClosedWorkflowExecutionsRequest, {"status_filter": unset}),
    ]
    own_server.set_dynamic({"frontend.disableListVisibilityByFilter": True})
    try:
        for method, request, filters in filtered:
            with pytest.raises(RPCError) as caught:
                await method(request(namespace=NAMESPACE, **filters))
            told = (caught.value.status, caught.value.message)
            assert told == (RPCStatusCode.PERMISSION_DENIED, "List is disabled on this namespace.")
        await service.list_open_workflow_executions(ListOpenWorkflowExecutionsRequest(namespace=NAMESPACE))
        await service.list_closed_workflow_executions(ListClosedWorkflowExecutionsRequest(namespace=NAMESPACE))
    finally:
        own_server.set_dynamic({})
    for method, request, filters in filtered[:-1]:
        await method(request(namespace=NAMESPACE, **filters))
