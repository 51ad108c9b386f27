"""test_fairness_rates.py - the rate of each fairness key of a queue, from the start's and the command's priority on."""

import datetime

from google.protobuf.duration_pb2 import Duration
from temporalio.api.command.v1 import Command, ScheduleActivityTaskCommandAttributes
from temporalio.api.common.v1 import ActivityType, Priority
from temporalio.api.enums.v1 import CommandType, TaskQueueType
from temporalio.api.taskqueue.v1 import RateLimit, TaskQueue
from temporalio.api.workflowservice.v1 import (
    PollActivityTaskQueueRequest,
    PollWorkflowTaskQueueRequest,
    RespondWorkflowTaskCompletedRequest,
    UpdateTaskQueueConfigRequest,
)
import workflows as w
from harness import NAMESPACE

ACTIVITY = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY


def schedule(queue, n, **priority):
    return Command(
        command_type=CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
        schedule_activity_task_command_attributes=ScheduleActivityTaskCommandAttributes(
            activity_id=str(n),
            activity_type=ActivityType(name="a"),
            task_queue=TaskQueue(name=queue),
            start_to_close_timeout=Duration(seconds=60),
            priority=Priority(**priority),
        ),
    )


async def test_keys_are_held_back_each_by_its_weight(session, queue):
    """A second a task: what is behind a light key's second one, which does not go for long, overtakes it."""
    service = session.client.workflow_service
    await service.update_task_queue_config(UpdateTaskQueueConfigRequest(
        namespace=NAMESPACE,
        task_queue=queue,
        task_queue_type=ACTIVITY,
        update_fairness_key_rate_limit_default=UpdateTaskQueueConfigRequest.RateLimitUpdate(
            rate_limit=RateLimit(requests_per_second=1)
        ),
        set_fairness_weight_overrides={"light": 0.001, "heavy": 1000.0},
    ))
    run = await session.client.start_workflow(w.Hello.run, "x", id=queue, task_queue=queue)
    task = await service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(namespace=NAMESPACE, task_queue=TaskQueue(name=queue), identity="w")
    )
    keys = ["light", "light", "heavy", "heavy", "heavy", "heavy"]
    await service.respond_workflow_task_completed(RespondWorkflowTaskCompletedRequest(
        namespace=NAMESPACE,
        task_token=task.task_token,
        commands=[schedule(queue, n, fairness_key=key) for n, key in enumerate(keys)],
    ))

    async def poll(seconds):
        return await service.poll_activity_task_queue(
            PollActivityTaskQueueRequest(namespace=NAMESPACE, task_queue=TaskQueue(name=queue), identity="w"),
            timeout=datetime.timedelta(seconds=seconds),
        )

    taken = [(await poll(20)).activity_id for _ in keys[:-1]]
    assert sorted(taken)[1:] == ["2", "3", "4", "5"] and min(taken) in ("0", "1")  # they came in the same moment
    assert not (await poll(3.5)).task_token
    await run.terminate()
