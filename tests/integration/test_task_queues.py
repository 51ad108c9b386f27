"""test_task_queues.py - what can be asked of a task queue."""

import socket

import pytest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import ListTaskQueuePartitionsRequest
from temporalio.service import RPCError, RPCStatusCode


async def test_a_queue_has_its_root_partition(session, queue):
    service = session.client.workflow_service
    answer = await service.list_task_queue_partitions(
        ListTaskQueuePartitionsRequest(namespace="default", task_queue=TaskQueue(name=queue))
    )
    for partitions in answer.activity_task_queue_partitions, answer.workflow_task_queue_partitions:
        assert [p.key for p in partitions] == [queue]
        assert [p.owner_host_name for p in partitions] == [socket.gethostname()]


@pytest.mark.parametrize(
    "request_, text",
    [
        (ListTaskQueuePartitionsRequest(namespace="default"), "taskQueue is not set"),
        (
            ListTaskQueuePartitionsRequest(namespace="default", task_queue=TaskQueue()),
            "missing task queue name",
        ),
    ],
    ids=["none", "unnamed"],
)
async def test_partitions_of_no_queue_are_refused(session, request_, text):
    with pytest.raises(RPCError) as refused:
        await session.client.workflow_service.list_task_queue_partitions(request_)
    assert refused.value.status == RPCStatusCode.INVALID_ARGUMENT
    assert refused.value.message == text
