"""test_visibility_filters.py - filtered lists and counts see what was acknowledged just before."""

import asyncio

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from harness import NAMESPACE, unique

COLOR = SearchAttributeKey.for_keyword("FilterColor")
WEIGHT = SearchAttributeKey.for_int("FilterWeight")


async def add_attributes(session):
    wanted = {
        COLOR.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
        WEIGHT.name: IndexedValueType.INDEXED_VALUE_TYPE_INT,
    }
    await session.client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=NAMESPACE, search_attributes=wanted)
    )


def attributes(color, weight):
    return TypedSearchAttributes([SearchAttributePair(COLOR, color), SearchAttributePair(WEIGHT, weight)])


async def ids(session, query, **more):
    return [found.id async for found in session.client.list_workflows(query, **more)]


async def start(session, prefix, number, color):
    return await session.client.start_workflow(
        "Nobody",
        id=f"{prefix}-{number}",
        task_queue=prefix,
        search_attributes=attributes(color, number),
    )


async def test_filters_and_groups(session):
    await add_attributes(session)
    prefix = unique("filtered")
    handles = [await start(session, prefix, n, "red" if n % 2 else "blue") for n in range(7)]
    await handles[1].terminate()
    await handles[6].terminate()

    mine = f"WorkflowId STARTS_WITH '{prefix}-'"
    shown = lambda *numbers: [f"{prefix}-{n}" for n in numbers]
    assert await ids(session, mine) == shown(5, 4, 3, 2, 0, 6, 1), "open ones first, then as they closed"
    assert await ids(session, mine, page_size=2) == shown(5, 4, 3, 2, 0, 6, 1)
    assert await ids(session, f"{mine} AND FilterColor = 'red'", page_size=1) == shown(5, 3, 1)
    assert await ids(session, f"{mine} AND FilterWeight BETWEEN 2 AND 4") == shown(4, 3, 2)
    assert await ids(session, f"{mine} AND NOT (FilterColor = 'red' OR FilterWeight < 3)") == shown(4, 6)
    assert await ids(session, f"{mine} AND ExecutionStatus = 'Terminated'") == shown(6, 1)
    assert await ids(session, f"{mine} AND CloseTime IS NOT NULL") == shown(6, 1)
    assert await ids(session, f"{mine} AND FilterColor IS NULL") == []
    assert await ids(session, f"WorkflowId = '{prefix}-2' AND ExecutionStatus = 'Running'") == shown(2)

    counted = await session.client.count_workflows(f"{mine} GROUP BY ExecutionStatus")
    assert counted.count == 7
    groups = {group.group_values[0]: group.count for group in counted.groups}
    assert groups == {"Running": 5, "Terminated": 2}
    for handle in handles:
        if handle not in (handles[1], handles[6]):
            await handle.terminate()


async def test_what_was_acknowledged_is_found(session):
    """Each step is followed at once by a filtered List and Count."""
    await add_attributes(session)
    prefix = unique("seen")

    async def one(number):
        handle = await start(session, prefix, number, f"{prefix}{number}")
        mine = f"FilterColor = '{prefix}{number}'"
        assert await ids(session, f"{mine} AND ExecutionStatus = 'Running'") == [handle.id]
        assert (await session.client.count_workflows(mine)).count == 1
        await handle.terminate()
        assert await ids(session, f"{mine} AND ExecutionStatus = 'Running'") == []
        assert (await session.client.count_workflows(f"{mine} AND ExecutionStatus = 'Terminated'")).count == 1

    for first in range(0, 100, 10):
        await asyncio.gather(*(one(n) for n in range(first, first + 10)))
