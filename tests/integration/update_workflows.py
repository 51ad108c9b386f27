"""update_workflows.py - the workflows of test_updates.py."""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from workflows import square

S = timedelta(seconds=1)


@activity.defn
async def wait_for_word(name: str) -> str:
    """Hangs until its worker's test says the word (Gates.open)."""
    while name not in Gates.open:
        await asyncio.sleep(0.02)
    return name


class Gates:
    """What tests and activities of the same process tell each other."""

    open: set = set()


@workflow.defn
class Counter:
    """Counts what updates add; ends with the sum when it is told to."""

    @workflow.init
    def __init__(self, begin: int = 0):
        self.sum = begin
        self.applied = []
        self.ended = False
        self.go_on = False
        self.gate = False

    @workflow.run
    async def run(self, begin: int = 0) -> int:
        await workflow.wait_condition(lambda: self.ended or self.go_on)
        if self.go_on:
            workflow.continue_as_new(self.sum)
        return self.sum

    @workflow.update
    async def add(self, n: int) -> int:
        self.applied.append(n)
        self.sum += n
        return self.sum

    @add.validator
    def check_add(self, n: int) -> None:
        if n < 0:
            raise ApplicationError("no negative numbers", n, type="Negative")

    @workflow.update
    async def add_unchecked(self, n: int) -> int:
        if n < 0:
            raise ApplicationError("went wrong", n, type="Late")
        self.sum += n
        return self.sum

    @workflow.update
    async def add_square(self, n: int) -> int:
        squared = await workflow.execute_activity(square, n, start_to_close_timeout=30 * S)
        await asyncio.sleep(0.01)
        self.sum += squared
        return self.sum

    @workflow.update(unfinished_policy=workflow.HandlerUnfinishedPolicy.ABANDON)
    async def wait_for_gate(self, n: int) -> int:
        await workflow.wait_condition(lambda: self.gate)
        self.sum += n
        return self.sum

    @workflow.update
    async def wait_in_activity(self, name: str) -> str:
        return await workflow.execute_activity(
            wait_for_word, name, start_to_close_timeout=60 * S
        )

    @workflow.update
    async def end_now(self) -> str:
        self.ended = True
        return "ended"

    @workflow.signal
    def open_gate(self) -> None:
        self.gate = True

    @workflow.signal
    def end(self) -> None:
        self.ended = True

    @workflow.signal
    def go_on_anew(self) -> None:
        self.go_on = True

    @workflow.query
    def value(self) -> int:
        return self.sum


@workflow.defn
class EndsAtOnce:
    """Over after its first task; an update that comes with it is never completed."""

    def __init__(self):
        self.never = False

    @workflow.run
    async def run(self) -> str:
        return "over"

    @workflow.update
    async def hang(self) -> None:
        await workflow.wait_condition(lambda: self.never)


@workflow.defn
class NoHandlers:
    """Knows no update at all."""

    def __init__(self):
        self.ended = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self.ended)

    @workflow.signal
    def end(self) -> None:
        self.ended = True
