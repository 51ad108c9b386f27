"""test_poller_scaling.py - a worker that polls as often as it is advised: more beside a backlog, less when idle."""

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig
from temporalio.worker import PollerBehaviorAutoscaling, Worker

import workflows as w
from harness import NAMESPACE, eventually

ACTIVITIES = 400
INITIAL = 2


class Pollers:
    """How many activity polls the workers of a runtime hold."""

    def __init__(self):
        self.buffer = MetricBuffer(10_000)
        self.runtime = Runtime(telemetry=TelemetryConfig(metrics=self.buffer, logging=None))
        self.now = self.most = 0

    def look(self):
        for update in self.buffer.retrieve_updates():
            if update.metric.name == "temporal_num_pollers" and update.attributes.get("poller_type") == "activity_task":
                self.now = int(update.value)
                self.most = max(self.most, self.now)

    async def one_is_left(self):
        self.look()
        return self.now == 1


async def waiting(session, queue):
    asked = DescribeTaskQueueRequest(
        namespace=NAMESPACE,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        report_stats=True,
    )
    stats = (await session.client.workflow_service.describe_task_queue(asked)).stats
    return stats.approximate_backlog_count == ACTIVITIES and stats.approximate_backlog_age.ToMilliseconds() > 300


async def test_a_worker_polls_more_beside_a_backlog_and_less_when_idle(own_server, session, queue):
    short = [{"value": "1s", "constraints": {"taskQueueName": queue}}]
    own_server.set_dynamic({"matching.longPollExpirationInterval": short})
    pollers = Pollers()
    client = await Client.connect(own_server.address, namespace=NAMESPACE, runtime=pollers.runtime)
    try:
        async with session.worker(queue, [w.FanOut]):
            run = await session.client.start_workflow(w.FanOut.run, ACTIVITIES, id=queue, task_queue=queue)
            await eventually(lambda: waiting(session, queue), 20, "the activities wait")
            async with Worker(
                client,
                task_queue=queue,
                activities=[w.square],
                max_concurrent_activities=ACTIVITIES,
                activity_task_poller_behavior=PollerBehaviorAutoscaling(minimum=1, maximum=40, initial=INITIAL),
            ):
                await run.result()
                pollers.look()
                assert pollers.most >= 2 * INITIAL, pollers.most
                await eventually(pollers.one_is_left, 60, "one poll is left")
    finally:
        own_server.set_dynamic({})
