"""test_search_attributes_removed.py - what is still seen of a search attribute that its namespace has removed: nothing,
until the namespace has one of its name and type again."""

import uuid

from temporalio import workflow
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryReverseRequest,
    ListWorkflowExecutionsRequest,
    PollWorkflowTaskQueueRequest,
)
from temporalio.common import SearchAttributeKey

from harness import NAMESPACE
from test_search_attributes import add, remove, start


def names_of(attributes):
    return sorted(attributes.indexed_fields)


async def shown(session, workflow_id):
    """The names that each answer about the workflow has; they must be the same everywhere."""
    service, execution = session.client.workflow_service, {"workflow_id": workflow_id}
    listed = await service.list_workflow_executions(
        ListWorkflowExecutionsRequest(namespace=NAMESPACE, query=f"WorkflowId = '{workflow_id}'")
    )
    described = await service.describe_workflow_execution(
        DescribeWorkflowExecutionRequest(namespace=NAMESPACE, execution=execution)
    )
    read = await service.get_workflow_execution_history(
        GetWorkflowExecutionHistoryRequest(namespace=NAMESPACE, execution=execution)
    )
    reversed_ = await service.get_workflow_execution_history_reverse(
        GetWorkflowExecutionHistoryReverseRequest(namespace=NAMESPACE, execution=execution)
    )
    started = (read.history.events[0], reversed_.history.events[-1])
    found = [names_of(listed.executions[0].search_attributes)]
    found.append(names_of(described.workflow_execution_info.search_attributes))
    found += [names_of(e.workflow_execution_started_event_attributes.search_attributes) for e in started]
    assert all(names == found[0] for names in found), found
    return found[0]


async def count(session, workflow_id, query):
    return (await session.client.count_workflows(f"WorkflowId = '{workflow_id}' AND {query}")).count


async def test_removed_attributes_are_hidden_until_they_are_back(session, queue):
    client, tag = session.client, uuid.uuid4().hex[:8]
    mine, other = f"Mine{tag}", f"Other{tag}"
    await add(client, **{mine: "Keyword", other: "Keyword"})
    handle = await start(session, queue, **{mine: ("Keyword", "x"), other: ("Keyword", "y")})
    assert await shown(session, handle.id) == [mine, other]
    await remove(client, mine)
    assert await shown(session, handle.id) == [other]
    task = await client.workflow_service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(namespace=NAMESPACE, task_queue={"name": queue}, identity="reads")
    )
    given = task.history.events[0].workflow_execution_started_event_attributes.search_attributes
    assert names_of(given) == [other]

    await add(client, **{mine: "Int"})  # another one of this name
    assert await shown(session, handle.id) == [other]
    assert await count(session, handle.id, f"{mine} IS NULL") == 1
    await remove(client, mine)
    await add(client, **{mine: "Keyword"})
    assert await shown(session, handle.id) == [mine, other]
    assert await count(session, handle.id, f"{mine} = 'x'") == 1
    await remove(client, mine, other)
    assert await shown(session, handle.id) == []
    await handle.terminate()
    assert await shown(session, handle.id) == []


@workflow.defn(sandboxed=False)
class SetsWhenTold:
    def __init__(self) -> None:
        self.names: list[str] = []

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: len(self.names) > 0)
        workflow.upsert_search_attributes([SearchAttributeKey.for_keyword(self.names[0]).value_set("set")])
        await workflow.wait_condition(lambda: len(self.names) > 1)

    @workflow.signal
    def add(self, name: str) -> None:
        self.names.append(name)


async def test_a_workflow_goes_on_without_one_that_it_has_set(session, queue):
    """Its replay, without a cache, meets the event as clients see it: with nothing in it."""
    client, name = session.client, f"Gone{uuid.uuid4().hex[:8]}"
    await add(client, **{name: "Keyword"})
    async with session.worker(queue, [SetsWhenTold], max_cached_workflows=0):
        handle = await client.start_workflow(SetsWhenTold.run, id=f"sa-{uuid.uuid4()}", task_queue=queue)
        await handle.signal(SetsWhenTold.add, name)
        async for event in handle.fetch_history_events(wait_new_event=True):
            if event.HasField("upsert_workflow_search_attributes_event_attributes"):
                assert names_of(event.upsert_workflow_search_attributes_event_attributes.search_attributes) == [name]
                break
        await remove(client, name)
        await handle.signal(SetsWhenTold.add, "end")
        await handle.result()
    history = await handle.fetch_history()
    upserts = [e for e in history.events if e.HasField("upsert_workflow_search_attributes_event_attributes")]
    assert [names_of(e.upsert_workflow_search_attributes_event_attributes.search_attributes) for e in upserts] == [[]]
