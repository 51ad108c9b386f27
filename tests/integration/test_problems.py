"""test_problems.py - what an SDK's user sees of a workflow whose tasks go wrong, and of queries that are turned away."""

import datetime

import pytest
from temporalio import workflow
from temporalio.client import WorkflowQueryRejectedError
from temporalio.common import (
    QueryRejectCondition,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
)
from temporalio.service import RPCError, RPCStatusCode

import harness
from harness import eventually

PROBLEMS = SearchAttributeKey.for_keyword_list("TemporalReportedProblems")
broken = True


@workflow.defn
class BreaksForAWhile:
    @workflow.run
    async def run(self) -> str:
        if broken:
            raise ValueError("not a failure of the workflow, but of its code")
        return "mended"

    @workflow.query
    def answer(self) -> int:
        return 42


@pytest.fixture
def few_problems():
    """A server that reports the second problem in a row."""
    cluster = harness.Cluster(dynamic={"system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute": 2})
    yield cluster
    cluster.stop()


async def test_a_workflow_whose_code_is_broken_reports_it_until_it_is_mended(few_problems, queue):
    global broken
    session = harness.Session(few_problems)
    await session.connect()
    broken = True
    second = datetime.timedelta(seconds=1)
    async with session.worker(queue, [BreaksForAWhile]):
        handle = await session.client.start_workflow(BreaksForAWhile.run, id=queue, task_queue=queue, task_timeout=second)

        async def problems():
            return (await handle.describe()).typed_search_attributes.get(PROBLEMS)

        async def reported():  # the first failure is told, the next ones are left to their time-outs
            return await problems() is not None

        await eventually(reported, 30, "the second problem")
        assert await problems() == ["category=WorkflowTaskFailed",
                                    "cause=WorkflowTaskFailedCauseWorkflowWorkerUnhandledFailure"]
        broken = False
        assert await handle.result() == "mended"
        assert await problems() is None


async def test_a_query_is_rejected_as_the_caller_wants(session, queue):
    global broken
    broken = False
    async with session.worker(queue, [BreaksForAWhile]):
        handle = await session.client.start_workflow(BreaksForAWhile.run, id=queue, task_queue=queue)
        await handle.result()
        assert await handle.query(BreaksForAWhile.answer) == 42
        clean = QueryRejectCondition.NOT_COMPLETED_CLEANLY
        assert await handle.query(BreaksForAWhile.answer, reject_condition=clean) == 42
        with pytest.raises(WorkflowQueryRejectedError) as rejected:
            await handle.query(BreaksForAWhile.answer, reject_condition=QueryRejectCondition.NOT_OPEN)
        assert rejected.value.status == 2  # completed


async def test_a_query_without_a_worker_says_so_at_once(session, queue):
    handle = await session.client.start_workflow("Nobody", id=queue, task_queue=queue)
    with pytest.raises(RPCError) as refused:
        await handle.query("any", rpc_timeout=datetime.timedelta(seconds=1))
    assert refused.value.status in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED,
                                    RPCStatusCode.FAILED_PRECONDITION)
    await handle.terminate()
    with pytest.raises(RPCError, match="Workflow execution closed before WorkflowTaskStarted event"):
        await handle.query("any")


@pytest.mark.parametrize("value", ["text", 3])
async def test_a_search_attribute_of_the_wrong_type_is_refused(session, queue, value):
    key = SearchAttributeKey.for_text("BuildIds") if value == "text" else SearchAttributeKey.for_int("BatcherUser")
    with pytest.raises(RPCError, match=f"invalid value for search attribute {key.name} of type Keyword"):
        await session.client.start_workflow(
            "Nobody", id=queue, task_queue=queue,
            search_attributes=TypedSearchAttributes([SearchAttributePair(key, value)]))
