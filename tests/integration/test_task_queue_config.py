"""test_task_queue_config.py - rates that operators and workers set for a task queue."""

import asyncio
import time

import pytest
from google.protobuf.wrappers_pb2 import DoubleValue
from temporalio.api.enums.v1 import RateLimitSource, TaskQueueType
from temporalio.api.taskqueue.v1 import RateLimit, TaskQueue, TaskQueueMetadata
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    PollActivityTaskQueueRequest,
    UpdateTaskQueueConfigRequest,
)
from temporalio.service import RPCError, RPCStatusCode

from harness import NAMESPACE, eventually

ACTIVITY = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
WORKFLOW = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
Change = UpdateTaskQueueConfigRequest.RateLimitUpdate


def rate(number, reason=""):
    return Change(rate_limit=RateLimit(requests_per_second=number), reason=reason)


async def update(client, queue, kind=ACTIVITY, **fields):
    request = UpdateTaskQueueConfigRequest(namespace=NAMESPACE, task_queue=queue, task_queue_type=kind, **fields)

    async def done():
        try:
            return await client.workflow_service.update_task_queue_config(request)
        except RPCError as error:
            if error.status != RPCStatusCode.RESOURCE_EXHAUSTED:  # one write a second of a namespace
                raise
            return None

    return (await eventually(done, 30, "the queue is configured")).config


async def describe(client, queue, kind=ACTIVITY):
    return await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=NAMESPACE, task_queue=TaskQueue(name=queue), task_queue_type=kind, report_config=True
        )
    )


async def test_a_rate_is_set_shown_and_unset(session, queue):
    before = time.time()
    answer = await update(session.client, queue, identity="me", update_queue_rate_limit=rate(5, "slow"))
    assert answer.queue_rate_limit.rate_limit.requests_per_second == 5
    metadata = answer.queue_rate_limit.metadata
    assert (metadata.reason, metadata.update_identity) == ("slow", "me")
    assert before - 1 < metadata.update_time.seconds <= time.time()

    found = await describe(session.client, queue)
    assert found.config == answer
    assert found.effective_rate_limit.requests_per_second == 5
    assert found.effective_rate_limit.rate_limit_source == RateLimitSource.RATE_LIMIT_SOURCE_API
    other = await describe(session.client, queue, WORKFLOW)
    assert not other.HasField("config")
    assert other.effective_rate_limit.rate_limit_source == RateLimitSource.RATE_LIMIT_SOURCE_SYSTEM

    answer = await update(
        session.client,
        queue,
        update_queue_rate_limit=Change(reason="done"),
        set_fairness_weight_overrides={"b": 2.0, "a": 3.0},
    )
    assert not answer.queue_rate_limit.HasField("rate_limit")
    assert answer.queue_rate_limit.metadata.reason == "done"
    answer = await update(session.client, queue, unset_fairness_weight_overrides=["b", "nobody"])
    assert dict(answer.fairness_weight_overrides) == {"a": 3.0}
    found = await describe(session.client, queue)
    assert found.config == answer
    assert found.effective_rate_limit.rate_limit_source == RateLimitSource.RATE_LIMIT_SOURCE_SYSTEM


@pytest.mark.parametrize(
    "kind, fields, text",
    [
        (WORKFLOW, {"update_queue_rate_limit": rate(5)}, "Setting rate limit on workflow task queues is not allowed."),
        (
            ACTIVITY,
            {"update_queue_rate_limit": rate(-1)},
            "RequestsPerSecond for UpdateQueueRateLimit rate limit must be non-negative.",
        ),
        (
            ACTIVITY,
            {"update_queue_rate_limit": rate(1, "x" * 1001)},
            "UpdateQueueRateLimit.Reason field too long (max 1000 characters).",
        ),
        (ACTIVITY, {"identity": "x" * 1001}, "Identity field too long (max 1000 characters)."),
        (
            ACTIVITY,
            {"set_fairness_weight_overrides": {"k": 0.0}},
            'invalid fairness weight weight for key "k": must be greater than zero',
        ),
        (
            ACTIVITY,
            {"set_fairness_weight_overrides": {"k": 1.0}, "unset_fairness_weight_overrides": ["k"]},
            'fairness weight override key "k" present in both set and unset lists',
        ),
        (ACTIVITY, {"unset_fairness_weight_overrides": [""]}, "fairness weight override key must not be empty"),
    ],
    ids=["workflow", "negative", "reason", "identity", "weight", "both", "key"],
)
async def test_what_is_refused(session, queue, kind, fields, text):
    with pytest.raises(RPCError) as refused:
        await update(session.client, queue, kind, **fields)
    assert (refused.value.status, refused.value.message) == (RPCStatusCode.INVALID_ARGUMENT, text)


async def test_a_worker_sets_a_rate(session, queue):
    poll = PollActivityTaskQueueRequest(
        namespace=NAMESPACE,
        task_queue=TaskQueue(name=queue),
        identity="worker",
        task_queue_metadata=TaskQueueMetadata(max_tasks_per_second=DoubleValue(value=7)),
    )
    call = asyncio.create_task(session.client.workflow_service.poll_activity_task_queue(poll))

    async def seen():
        found = await describe(session.client, queue)
        return found if found.pollers else None

    found = await eventually(seen, 10, "the poll is there")
    assert found.pollers[0].rate_per_second == 7
    assert found.effective_rate_limit.requests_per_second == 7
    assert found.effective_rate_limit.rate_limit_source == RateLimitSource.RATE_LIMIT_SOURCE_WORKER
    await update(session.client, queue, update_queue_rate_limit=rate(3))
    found = await describe(session.client, queue)
    assert found.effective_rate_limit.requests_per_second == 3
    call.cancel()


async def test_a_rate_outlives_the_process_that_applies_it(session, own_server, queue):
    answer = await update(session.client, queue, identity="me", update_queue_rate_limit=rate(5, "slow"))
    old = own_server.kill("matching")
    own_server.wait_restarted("matching", old)
    found = await describe(session.client, queue)
    assert found.config == answer
    assert found.effective_rate_limit.requests_per_second == 5
