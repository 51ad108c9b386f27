"""workflows.py - the workflows and activities that the tests run."""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, TimeoutError

S = timedelta(seconds=1)


# -- activities ---------------------------------------------------------------------------------


@activity.defn
async def greet(name: str) -> str:
    return f"Hello, {name}!"


@activity.defn
async def square(n: int) -> int:
    return n * n


@activity.defn
async def echo(payload: bytes) -> bytes:
    return payload


@activity.defn
async def nothing() -> None:
    return None


@activity.defn
async def fail_until(attempt: int) -> int:
    now = activity.info().attempt
    if now < attempt:
        raise ApplicationError(f"attempt {now} fails", {"attempt": now}, type="TooEarly")
    return now


@activity.defn
async def fail_for_good() -> None:
    raise ApplicationError("never again", "a detail", type="Fatal", non_retryable=True)


@activity.defn
async def hang() -> str:
    await asyncio.sleep(3600)
    return "unreachable"


@activity.defn
async def hang_once() -> int:
    if activity.info().attempt == 1:
        await asyncio.sleep(3600)
    return activity.info().attempt


@activity.defn
async def beat_then_hang_once() -> list:
    """The first attempt reports progress and goes silent; the second sees what it reported."""
    if activity.info().attempt == 1:
        activity.heartbeat("step", 7)
        await asyncio.sleep(3600)
    return [activity.info().attempt, *activity.info().heartbeat_details]


@activity.defn
async def beat_until_cancelled(swallow: bool) -> str:
    try:
        while True:
            activity.heartbeat("alive")
            await asyncio.sleep(0.1)
    except asyncio.CancelledError:
        if swallow:
            return "finished anyway"
        raise


# -- workflows ----------------------------------------------------------------------------------


@workflow.defn
class Hello:
    @workflow.run
    async def run(self, name: str) -> str:
        return await workflow.execute_activity(greet, name, start_to_close_timeout=60 * S)


@workflow.defn
class Plain:
    """Gives back what it gets, without any command between."""

    @workflow.run
    async def run(self, value: str) -> str:
        return value


@workflow.defn
class Fails:
    @workflow.run
    async def run(self) -> None:
        raise ApplicationError("it went wrong", 42, type="Wrong", non_retryable=True)


@workflow.defn
class Big:
    @workflow.run
    async def run(self, payload: bytes) -> bytes:
        return await workflow.execute_activity(echo, payload, start_to_close_timeout=60 * S)


@workflow.defn
class FanOut:
    @workflow.run
    async def run(self, count: int) -> int:
        results = await asyncio.gather(
            *[
                workflow.execute_activity(square, n, start_to_close_timeout=60 * S)
                for n in range(count)
            ]
        )
        return sum(results)


@workflow.defn
class Steps:
    """An activity and a timer, in turn: work that spans a crash."""

    @workflow.run
    async def run(self, seed: int, steps: int) -> int:
        total = 0
        for n in range(steps):
            total += await workflow.execute_activity(
                square, seed + n, start_to_close_timeout=5 * S
            )
            await workflow.sleep(0.3)
        return total


@workflow.defn
class Sleeps:
    @workflow.run
    async def run(self, seconds: float) -> float:
        before = workflow.time()
        await workflow.sleep(seconds)
        return workflow.time() - before


@workflow.defn
class ManyTimers:
    @workflow.run
    async def run(self, delays: list[float]) -> list[float]:
        fired: list[float] = []

        async def one(delay: float) -> None:
            await workflow.sleep(delay)
            fired.append(delay)

        await asyncio.gather(*[one(d) for d in delays])
        return fired


@workflow.defn
class CancelsTimer:
    @workflow.run
    async def run(self) -> str:
        timer = asyncio.create_task(workflow.sleep(3600))
        await workflow.sleep(0.05)
        timer.cancel()
        await asyncio.gather(timer, return_exceptions=True)
        return "cancelled" if timer.cancelled() else "not cancelled"


@workflow.defn
class Collects:
    """Signals in, query out; ends at the signal `finish`."""

    def __init__(self) -> None:
        self.items: list[str] = []
        self.finished = False

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: self.finished)
        return self.items

    @workflow.signal
    async def add(self, item: str) -> None:
        self.items.append(item)

    @workflow.signal
    async def finish(self) -> None:
        self.finished = True

    @workflow.query
    def items_now(self) -> list[str]:
        return self.items

    @workflow.query
    def count_with(self, extra: int) -> int:
        return len(self.items) + extra

    @workflow.query
    def broken(self) -> str:
        raise ApplicationError("no answer")


@workflow.defn
class WaitsForEver:
    """Cleans up when it is cancelled."""

    @workflow.run
    async def run(self) -> str:
        try:
            await workflow.wait_condition(lambda: False)
        except asyncio.CancelledError:
            await workflow.execute_activity(greet, "cleanup", start_to_close_timeout=60 * S)
            raise
        return "unreachable"


@workflow.defn
class LocalWork:
    """A local activity leaves a marker."""

    @workflow.run
    async def run(self, name: str) -> str:
        return await workflow.execute_local_activity(greet, name, start_to_close_timeout=60 * S)


_broken_left = {}


@workflow.defn
class BrokenTask:
    """Its first workflow tasks fail by a mistake in the code, which is then mended."""

    @workflow.run
    async def run(self, failures: int) -> str:
        key = workflow.info().workflow_id
        left = _broken_left.setdefault(key, failures)
        if left > 0:
            _broken_left[key] = left - 1
            raise RuntimeError("a mistake in the code")
        return "mended"


@workflow.defn
class Activity:
    """One activity with the options given; its end as text."""

    @workflow.run
    async def run(self, name: str, args: list, options: dict) -> list:
        retry = options.get("retry", {})
        try:
            result = await workflow.execute_activity(
                name,
                args=args,
                task_queue=options.get("elsewhere"),
                start_to_close_timeout=_span(options, "start_to_close"),
                schedule_to_close_timeout=_span(options, "schedule_to_close"),
                schedule_to_start_timeout=_span(options, "schedule_to_start"),
                heartbeat_timeout=_span(options, "heartbeat"),
                retry_policy=RetryPolicy(
                    initial_interval=timedelta(milliseconds=retry.get("initial_ms", 50)),
                    backoff_coefficient=retry.get("coefficient", 1.0),
                    maximum_attempts=retry.get("attempts", 0),
                    non_retryable_error_types=retry.get("non_retryable", None),
                ),
            )
            return ["ok", result]
        except ActivityError as error:
            cause = error.cause
            state = error.retry_state.name if error.retry_state else None
            if isinstance(cause, TimeoutError):
                return ["timeout", cause.type.name if cause.type else None, state]
            if isinstance(cause, ApplicationError):
                return ["failed", cause.type, cause.message, list(cause.details), state]
            if isinstance(cause, CancelledError):
                return ["cancelled"]
            return ["other", repr(cause)]


def _span(options: dict, key: str):
    return timedelta(seconds=options[key]) if key in options else None


@workflow.defn
class CancelsActivity:
    """Cancels its running activity at the signal `go`."""

    def __init__(self) -> None:
        self.go_now = False

    @workflow.signal
    async def go(self) -> None:
        self.go_now = True

    @workflow.run
    async def run(self, kind: str, swallow: bool) -> str:
        handle = workflow.start_activity(
            beat_until_cancelled,
            swallow,
            start_to_close_timeout=60 * S,
            heartbeat_timeout=10 * S,
            cancellation_type=workflow.ActivityCancellationType[kind],
        )
        await workflow.wait_condition(lambda: self.go_now)
        handle.cancel()
        try:
            return await handle
        except (ActivityError, asyncio.CancelledError) as error:
            return type(error.__cause__ or error).__name__


@workflow.defn
class CancelsUnstarted:
    """Cancels an activity that nobody polls for."""

    @workflow.run
    async def run(self, queue: str) -> str:
        handle = workflow.start_activity(
            hang,
            task_queue=queue,
            start_to_close_timeout=60 * S,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        await workflow.sleep(0.05)
        handle.cancel()
        try:
            return await handle
        except ActivityError as error:
            return type(error.cause).__name__


@workflow.defn
class CountsDown:
    """Continues as new until nothing is left; the state travels in the input."""

    @workflow.run
    async def run(self, left: int, seen: list[str]) -> list[str]:
        seen = [*seen, workflow.info().run_id]
        if left > 1:
            workflow.continue_as_new(args=[left - 1, seen])
        return seen
