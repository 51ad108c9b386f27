"""test_eager_start.py - the first workflow task in the response to the start."""

from datetime import timedelta

import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import StartWorkflowExecutionRequest

import workflows as w
from harness import NAMESPACE, unique
from history_checker import types_of

S = timedelta(seconds=1)
BEGIN = ["WorkflowExecutionStarted", "WorkflowTaskScheduled", "WorkflowTaskStarted"]


def start_request(queue, **changes):
    request = StartWorkflowExecutionRequest(
        namespace=NAMESPACE,
        workflow_id=queue,
        workflow_type=WorkflowType(name="Plain"),
        task_queue=TaskQueue(name=queue),
        request_id=unique("request"),
        identity="eager client",
        input=Payloads(payloads=[Payload(metadata={"encoding": b"json/plain"}, data=b'"x"')]),
        request_eager_execution=True,
        **changes,
    )
    request.workflow_task_timeout.FromTimedelta(1 * S)
    return request


async def test_the_sdks_worker_gets_its_first_task_with_the_start(session, queue):
    async with session.worker(queue, [w.Hello], [w.greet]):
        handle = await session.client.start_workflow(
            w.Hello.run, "eager", id=queue, task_queue=queue, request_eager_start=True
        )
        assert handle.__temporal_eagerly_started
        assert await handle.result() == "Hello, eager!"
    events = await session.events(queue)
    assert types_of(events)[:4] == [*BEGIN, "WorkflowTaskCompleted"]


async def test_the_response_carries_the_task_and_a_repeat_the_same(session, queue):
    service = session.client.workflow_service
    request = start_request(queue)
    first = await service.start_workflow_execution(request)
    again = await service.start_workflow_execution(request)
    assert first.started and again.started and first.run_id == again.run_id
    task = first.eager_workflow_task
    assert types_of(task.history.events) == BEGIN
    assert task.history.events[2].workflow_task_started_event_attributes.identity == "eager client"
    assert task.started_event_id == 3 and task.attempt == 1 and task.previous_started_event_id == 0
    assert task.workflow_type.name == "Plain"
    assert task.workflow_execution.run_id == first.run_id
    assert task.workflow_execution_task_queue.name == queue
    assert again.eager_workflow_task.task_token == task.task_token
    assert types_of(again.eager_workflow_task.history.events) == BEGIN
    other = await service.start_workflow_execution(
        start_request(unique(queue), workflow_start_delay={"seconds": 60})
    )
    assert not other.HasField("eager_workflow_task")
    await session.client.get_workflow_handle(queue).terminate()


@pytest.mark.seconds(60)
async def test_a_client_that_drops_its_task_loses_only_time(session, queue):
    response = await session.client.workflow_service.start_workflow_execution(start_request(queue))
    assert response.eager_workflow_task.task_token
    async with session.worker(queue, [w.Plain]):
        await session.client.get_workflow_handle(queue).result()
    types = types_of(await session.events(queue))
    assert types[:4] == [*BEGIN, "WorkflowTaskTimedOut"]
    assert types[-1] == "WorkflowExecutionCompleted"
