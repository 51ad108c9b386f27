"""web_ui_workflows.py - what the Web UI's tests look at: workflows that have something of everything a page shows."""

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

SOON = timedelta(seconds=20)


@activity.defn
async def greet(name: str) -> str:
    return f"Hello, {name}!"


@activity.defn
async def deliver(order: str) -> str:
    """Fails once with a heartbeat and details, and then waits for an hour, or for somebody to reset it."""
    activity.heartbeat({"packed": order})
    raise ApplicationError("the depot is closed", {"depot": 7}, type="Closed")


@workflow.defn
class Quick:
    @workflow.run
    async def run(self, name: str) -> str:
        await workflow.sleep(0.01)
        return await workflow.execute_activity(greet, name, start_to_close_timeout=SOON)


@workflow.defn
class Broken:
    @workflow.run
    async def run(self) -> str:
        raise ApplicationError("it went wrong", 42, type="Wrong", non_retryable=True)


@workflow.defn
class Parcel:
    @workflow.run
    async def run(self) -> str:
        return "packed"


@workflow.defn
class Order:
    """Stays open until `finish`, with a child that has ended and an activity that is pending."""

    def __init__(self) -> None:
        self.notes_taken: list[str] = []
        self.done = False

    @workflow.run
    async def run(self, name: str) -> list[str]:
        workflow.set_current_details("waits for the depot")
        await workflow.execute_activity(greet, name, start_to_close_timeout=SOON, summary="greets the customer")
        await workflow.execute_child_workflow(Parcel.run, id=f"{workflow.info().workflow_id}-parcel")
        delivery = workflow.start_activity(
            deliver,
            name,
            start_to_close_timeout=SOON,
            retry_policy=RetryPolicy(initial_interval=timedelta(hours=1)),
        )
        await workflow.wait_condition(lambda: self.done)
        delivery.cancel()
        return self.notes_taken

    @workflow.signal
    def note(self, text: str) -> None:
        self.notes_taken.append(text)

    @workflow.signal
    def finish(self) -> None:
        self.done = True

    @workflow.query
    def notes(self) -> list[str]:
        return self.notes_taken

    @workflow.update
    def add(self, text: str) -> int:
        self.notes_taken.append(text)
        return len(self.notes_taken)


@workflow.defn
class Idle:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)


WORKFLOWS = [Quick, Broken, Parcel, Order, Idle]
ACTIVITIES = [greet, deliver]
