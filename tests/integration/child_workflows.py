"""child_workflows.py - workflows that act on each other: parents, children, senders of signals."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import (
    ApplicationError,
    CancelledError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
)
from temporalio.workflow import ParentClosePolicy

S = timedelta(seconds=1)


@workflow.defn
class Child:
    """Does as it is told: return, fail, wait (until it is told to stop), chain, nest."""

    def __init__(self):
        self.told = []

    @workflow.run
    async def run(self, what: str, n: int = 0) -> str:
        if what == "fail":
            raise ApplicationError("the child fails", "a detail", type="Broken", non_retryable=True)
        if what == "wait":
            await workflow.wait_condition(lambda: "stop" in self.told)
            return ",".join(self.told)
        if what == "chain" and n > 1:
            workflow.continue_as_new(args=["chain", n - 1])
        if what == "nest" and n > 0:
            info = workflow.info()
            inner = await workflow.execute_child_workflow(
                Child.run, args=["nest", n - 1], id=f"{info.workflow_id}/{n}"
            )
            return f"{inner} < {n}"
        return f"{what} {n}"

    @workflow.signal
    def tell(self, word: str):
        self.told.append(word)


@workflow.defn
class Asks:
    """Runs one child and says what became of it."""

    @workflow.run
    async def run(self, what: str, n: int, run_timeout_s: float) -> list[str]:
        info = workflow.info()
        try:
            result = await workflow.execute_child_workflow(
                Child.run,
                args=[what, n],
                id=f"{info.workflow_id}/child",
                run_timeout=timedelta(seconds=run_timeout_s) if run_timeout_s else None,
            )
            return ["returned", result]
        except ChildWorkflowError as e:
            return [type(e.cause).__name__, str(e.cause), e.workflow_id]


@workflow.defn
class Parent:
    """Starts a child with a close policy, then ends in some way when it is told."""

    def __init__(self):
        self.end = ""

    @workflow.run
    async def run(self, policy: int, again: bool = False) -> str:
        if again:
            return "again"
        await workflow.start_child_workflow(
            Child.run,
            args=["wait"],
            id=f"{workflow.info().workflow_id}/child",
            parent_close_policy=ParentClosePolicy(policy),
        )
        await workflow.wait_condition(lambda: self.end != "")
        if self.end == "fail":
            raise ApplicationError("the parent fails", non_retryable=True)
        if self.end == "continue":
            workflow.continue_as_new(args=[policy, True])
        return "done"

    @workflow.signal
    def finish(self, how: str):
        self.end = how


@workflow.defn
class Cancels:
    """Cancels its child once that runs."""

    @workflow.run
    async def run(self) -> str:
        handle = await workflow.start_child_workflow(
            Child.run, args=["wait"], id=f"{workflow.info().workflow_id}/child"
        )
        handle.cancel()
        try:
            return await handle
        except ChildWorkflowError as e:
            return type(e.cause).__name__


@workflow.defn
class Twice:
    """Starts two children of one id."""

    @workflow.run
    async def run(self) -> str:
        child = f"{workflow.info().workflow_id}/child"
        first = await workflow.start_child_workflow(Child.run, args=["wait"], id=child)
        try:
            await workflow.start_child_workflow(Child.run, args=["wait"], id=child)
            return "two children of one id"
        except WorkflowAlreadyStartedError as e:
            refused = e.workflow_id
        await first.signal(Child.tell, "stop")
        return f"{refused}: {await first}"


@workflow.defn
class Sends:
    """Signals or cancels another execution and says how that went."""

    @workflow.run
    async def run(self, to: str, run_id: str, what: str) -> str:
        handle = workflow.get_external_workflow_handle(to, run_id=run_id or None)
        try:
            if what == "cancel":
                await handle.cancel()
            else:
                for word in what.split(","):
                    await handle.signal("tell", word)
            return "sent"
        except ApplicationError as e:
            return str(e)


@workflow.defn
class Many:
    """Runs many children, some at a time; gives the sum of what they say."""

    @workflow.run
    async def run(self, count: int) -> int:
        parent = workflow.info().workflow_id

        async def one(n: int) -> int:
            said = await workflow.execute_child_workflow(
                Child.run, args=["say", n], id=f"{parent}/{n}"
            )
            return int(said.split()[1])

        return sum(await asyncio.gather(*[one(n) for n in range(count)]))


@workflow.defn
class PingPong:
    """Two of them signal each other in turn, each word once."""

    def __init__(self):
        self.words = []

    @workflow.run
    async def run(self, other: str, first: bool, rounds: int) -> list[int]:
        handle = workflow.get_external_workflow_handle(other)
        for n in range(rounds):
            if first:
                await handle.signal("tell", n)
            await workflow.wait_condition(lambda n=n: len(self.words) > n)
            if not first:
                await handle.signal("tell", n)
        return self.words

    @workflow.signal
    def tell(self, word: int):
        self.words.append(word)


@workflow.defn
class Remembers:
    """Changes its memo."""

    @workflow.run
    async def run(self) -> list[str]:
        workflow.upsert_memo({"changed": 2, "gone": None, "added": [1, 2]})
        return sorted(workflow.memo())


ALL = [Child, Asks, Parent, Cancels, Twice, Sends, Many, PingPong, Remembers]
