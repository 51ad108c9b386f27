"""chains.py - workflows of which another run follows: by retry policy, by cron schedule."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, ChildWorkflowError

S = timedelta(seconds=1)


@workflow.defn
class FailsUntil:
    """Fails with the attempt's number until the given attempt."""

    @workflow.run
    async def run(self, attempt: int, kind: str) -> int:
        now = workflow.info().attempt
        if now < attempt:
            raise ApplicationError(f"attempt {now}", type=kind)
        return now


@workflow.defn
class ParentOfFailing:
    @workflow.run
    async def run(self, attempt: int, attempts: int) -> str:
        try:
            result = await workflow.execute_child_workflow(
                FailsUntil.run,
                args=[attempt, "TooEarly"],
                id=workflow.info().workflow_id + "-child",
                retry_policy=RetryPolicy(maximum_attempts=attempts),
            )
            return f"result {result}"
        except ChildWorkflowError as error:
            return f"{error.retry_state.name} {error.cause}"


@workflow.defn
class Sleeps:
    @workflow.run
    async def run(self) -> None:
        await workflow.sleep(3600)


@workflow.defn
class CountsRuns:
    """A cron workflow: counts in its result; fails in its second run; ends itself in the fifth."""

    def __init__(self) -> None:
        self.signals = 0

    @workflow.run
    async def run(self) -> int:
        last = workflow.get_last_completion_result(int) if workflow.has_last_completion_result() else 0
        failed = workflow.get_last_failure()
        if last == 1 and not failed:
            raise ApplicationError("the second run fails")
        return last + 1
