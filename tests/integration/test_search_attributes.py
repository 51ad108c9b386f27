"""test_search_attributes.py - search attributes of a namespace: added, listed, set, asked for, removed."""

import asyncio
import uuid
from datetime import datetime, timezone

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
    RemoveSearchAttributesRequest,
)
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, GetSearchAttributesRequest
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from harness import NAMESPACE

KINDS = {
    "Text": SearchAttributeKey.for_text,
    "Keyword": SearchAttributeKey.for_keyword,
    "Int": SearchAttributeKey.for_int,
    "Double": SearchAttributeKey.for_float,
    "Bool": SearchAttributeKey.for_bool,
    "Datetime": SearchAttributeKey.for_datetime,
    "KeywordList": SearchAttributeKey.for_keyword_list,
}
VALUES = {
    "Text": "some words",
    "Keyword": "key",
    "Int": 7,
    "Double": 1.5,
    "Bool": True,
    "Datetime": datetime(2026, 1, 2, tzinfo=timezone.utc),
    "KeywordList": ["a", "b"],
}


def number(kind):
    text = "".join("_" + c if c.isupper() and i else c for i, c in enumerate(kind)).upper()
    return IndexedValueType.Value("INDEXED_VALUE_TYPE_" + text)


async def add(client, **kinds):
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=NAMESPACE, search_attributes={name: number(kind) for name, kind in kinds.items()}
        )
    )


async def remove(client, *names):
    await client.operator_service.remove_search_attributes(
        RemoveSearchAttributesRequest(namespace=NAMESPACE, search_attributes=names)
    )


async def listed(client):
    return await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=NAMESPACE))


async def refused(call, status=RPCStatusCode.INVALID_ARGUMENT):
    with pytest.raises(RPCError) as caught:
        await call
    assert caught.value.status == status
    return caught.value.message


async def add_all(client):
    """One of every type, with names that no other test knows."""
    tag = uuid.uuid4().hex[:8]
    names = {kind: f"Own{kind}{tag}" for kind in KINDS}
    await add(client, **{name: kind for kind, name in names.items()})
    return names


async def start(session, queue, **fields):
    pairs = [SearchAttributePair(KINDS[kind](name), value) for name, (kind, value) in fields.items()]
    return await session.client.start_workflow(
        "Nobody", id=f"sa-{uuid.uuid4()}", task_queue=queue, search_attributes=TypedSearchAttributes(pairs)
    )


async def test_attributes_of_all_types_are_set_at_once(session, queue):
    """Every process knows them: there is no wait between the addition and the start."""
    own = await add_all(session.client)
    handle = await start(session, queue, **{own[kind]: (kind, VALUES[kind]) for kind in KINDS})
    shown = (await handle.describe()).typed_search_attributes
    for kind, make in KINDS.items():
        assert shown.get(make(own[kind])) == VALUES[kind]
    await handle.terminate()


@workflow.defn(sandboxed=False)
class Upserts:
    @workflow.run
    async def run(self, name: str) -> None:
        workflow.upsert_search_attributes([SearchAttributeKey.for_keyword(name).value_set("set")])


async def test_a_workflow_sets_one(session, queue):
    own = await add_all(session.client)
    async with session.worker(queue, [Upserts]):
        handle = await session.client.start_workflow(Upserts.run, own["Keyword"], id=f"sa-{uuid.uuid4()}", task_queue=queue)
        await handle.result()
    found = [w.id async for w in session.client.list_workflows(f"{own['Keyword']} = 'set' AND {own['Int']} IS NULL")]
    assert found == [handle.id]


async def test_they_are_listed_and_removed(session, queue):
    client, name = session.client, f"Gone{uuid.uuid4().hex[:8]}"
    await add(client, **{name: "Keyword"})
    await add(client, **{name: "Keyword"})  # again: nothing new
    found = await listed(client)
    assert found.custom_attributes[name] == number("Keyword")
    assert found.system_attributes["WorkflowId"] == number("Keyword")
    assert name not in found.system_attributes
    aliases = (
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
    ).config.custom_search_attribute_aliases
    assert name in aliases.values()
    assert "already exists with type Keyword" in await refused(add(client, **{name: "Int"}))

    await remove(client, name)
    await remove(client, name)  # what is not there needs no removal
    assert name not in (await listed(client)).custom_attributes
    said = await refused(start(session, queue, **{name: ("Keyword", "x")}))
    assert said == f"Namespace {NAMESPACE} has no mapping defined for search attribute {name}"
    said = await refused(client.count_workflows(f"{name} = 'x'"))
    assert said == f"invalid query: invalid expression: column name '{name}' is not a valid search attribute"


async def test_there_can_be_any_number_of_them(session):
    names = [f"Many{uuid.uuid4().hex[:8]}" for _ in range(40)]  # the reference has room for ten
    await add(session.client, **{name: "Keyword" for name in names})
    assert set(names) <= set((await listed(session.client)).custom_attributes)
    await remove(session.client, *names)


async def test_additions_at_the_same_time_are_all_kept(session):
    names = [f"Race{uuid.uuid4().hex[:8]}" for _ in range(8)]
    await asyncio.gather(*(add(session.client, **{name: "Int"}) for name in names))
    assert set(names) <= set((await listed(session.client)).custom_attributes)
    await remove(session.client, *names)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_value_of_another_type_is_refused(session, queue, kind):
    own = await add_all(session.client)
    wrong = ("Keyword", "x") if kind not in ("Keyword", "Text", "Datetime") else ("Int", 7)
    said = await refused(start(session, queue, **{own[kind]: wrong}))
    assert said.startswith(f"invalid value for search attribute {own[kind]} of type {kind}: ")


async def test_names_of_the_server_are_refused(session):
    for name in ("WorkflowId", "BuildIds", "TemporalAnything", "Memo"):
        said = await refused(add(session.client, **{name: "Keyword"}))
        assert said == f"Search attribute {name} is reserved by system."
    assert await refused(remove(session.client, "WorkflowId")) == (
        "Unable to remove non-custom search attributes: WorkflowId."
    )
    operator = session.client.operator_service
    assert await refused(operator.add_search_attributes(AddSearchAttributesRequest(namespace=NAMESPACE))) == (
        "SearchAttributes are not set on request."
    )
    assert await refused(operator.list_search_attributes(ListSearchAttributesRequest())) == (
        "Namespace is not set on request."
    )
    missing = ListSearchAttributesRequest(namespace="nowhere")
    await refused(operator.list_search_attributes(missing), RPCStatusCode.NOT_FOUND)


async def test_predefined_ones_are_told_without_a_namespace(session):
    keys = (await session.client.workflow_service.get_search_attributes(GetSearchAttributesRequest())).keys
    assert keys["ExecutionStatus"] == number("Keyword")
    assert keys["HistoryLength"] == number("Int")


def test_the_cli_creates_lists_and_removes(cli):
    name = f"Cli{uuid.uuid4().hex[:8]}"
    cli.run("operator", "search-attribute", "create", "--name", name, "--type", "Keyword", "--namespace", NAMESPACE)
    said = cli.run("operator", "search-attribute", "list", "--namespace", NAMESPACE)
    assert any(line.split() == [name, "Keyword"] for line in said.splitlines())
    cli.run("operator", "search-attribute", "remove", "--name", name, "--yes", "--namespace", NAMESPACE)
    assert name not in cli.run("operator", "search-attribute", "list", "--namespace", NAMESPACE)
