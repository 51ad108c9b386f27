"""sdk.py - workflows and activities that an SDK's worker runs."""
import asyncio
import datetime

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker


Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=None)))  # it tells of what is played


def span(n):
    return datetime.timedelta(seconds=n)


@activity.defn
async def greet(name: str) -> str:
    return "hello " + name


@activity.defn
async def fails_once() -> int:
    if activity.info().attempt < 2:
        raise ApplicationError("not yet", type="Early")
    return activity.info().attempt


@activity.defn
async def beats() -> str:
    details = list(activity.info().heartbeat_details)
    if not details:
        activity.heartbeat("seen")
        raise ApplicationError("again")
    return details[0]


@activity.defn
async def waits_for_cancel() -> str:
    try:
        while True:
            activity.heartbeat()
            await asyncio.sleep(0.1)
    except asyncio.CancelledError:
        raise


@workflow.defn
class Mixed:
    def __init__(self):
        self.go = False

    @workflow.run
    async def run(self) -> str:
        a = await workflow.execute_activity(greet, "one", start_to_close_timeout=span(10))
        await workflow.execute_local_activity(greet, "two", start_to_close_timeout=span(10))
        await asyncio.sleep(0.2)
        workflow.patched("p1")
        workflow.uuid4()
        await workflow.wait_condition(lambda: self.go)
        b = await workflow.execute_activity(fails_once, start_to_close_timeout=span(10),
                                            retry_policy=RetryPolicy(initial_interval=span(0.2)))
        c = await workflow.execute_activity(beats, start_to_close_timeout=span(10), heartbeat_timeout=span(5),
                                            retry_policy=RetryPolicy(initial_interval=span(0.2)))
        return f"{a} {b} {c}"

    @workflow.signal
    def proceed(self):
        self.go = True

    @workflow.query
    def state(self) -> bool:
        return self.go


@workflow.defn
class Cancels:
    @workflow.run
    async def run(self, kind: int) -> str:
        handle = workflow.start_activity(waits_for_cancel, start_to_close_timeout=span(20), heartbeat_timeout=span(3),
                                         cancellation_type=workflow.ActivityCancellationType(kind))
        await asyncio.sleep(0.5)
        handle.cancel()
        try:
            await handle
        except Exception as error:
            return type(error).__name__ + " " + type(error.__cause__).__name__
        return "none"


@workflow.defn
class Fails:
    @workflow.run
    async def run(self) -> str:
        raise ApplicationError("no good", "detail", type="NoGood", non_retryable=True)


@workflow.defn
class Sleeps:
    @workflow.run
    async def run(self) -> str:
        await asyncio.sleep(600)
        return "never"


async def with_worker(x, body):
    """Run body(client) beside a worker on the scenario's queue."""
    client = await Client.connect(x.address, identity="sdk-client")
    async with Worker(client, task_queue=x.queue, workflows=[Mixed, Cancels, Fails, Sleeps], identity="sdk-worker",
                      activities=[greet, fails_once, beats, waits_for_cancel],
                      workflow_runner=UnsandboxedWorkflowRunner()):
        await asyncio.wait_for(body(client), 40)


def cancel_activity(x, kind):
    """A workflow cancels its activity and says what came of it."""
    async def body(client):
        handle = await client.start_workflow(Cancels.run, kind, id=x.workflow_id, task_queue=x.queue)
        x.run_id = handle.first_execution_run_id
        x.say(f"result {await handle.result()}")
    asyncio.run(with_worker(x, body))
    x.history()
