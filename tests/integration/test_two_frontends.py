"""test_two_frontends.py - what one frontend writes into the cluster store, another knows: at once where it is asked for a
name that it does not know, within moments otherwise, although nothing else is said between the processes."""

import pytest
from google.protobuf import duration_pb2
from temporalio.api.namespace.v1 import NamespaceConfig, UpdateNamespaceInfo
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    DeleteNamespaceRequest,
    ListSearchAttributesRequest,
    RemoveSearchAttributesRequest,
)
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError

import harness

NAMES = 20


@pytest.fixture(scope="module")
def pair():
    cluster = harness.Cluster(replicas={"frontend": 2})
    try:
        yield cluster
    finally:
        cluster.stop()


async def clients(cluster):
    return [await Client.connect(address) for address in cluster.addresses]


def add(client, name):
    return client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=harness.NAMESPACE, search_attributes={name: 2})
    )


async def test_an_attribute_is_known_as_soon_as_it_is_added(pair):
    first, second = await clients(pair)
    for n in range(NAMES):
        key = SearchAttributeKey.for_keyword(f"New{n}")
        await add(first, key.name)
        attributes = TypedSearchAttributes([SearchAttributePair(key, "x")])
        handle = await second.start_workflow(
            "Nobody", id=key.name, task_queue="nobody", search_attributes=attributes
        )
        assert (await handle.describe()).typed_search_attributes.get(key) == "x"
        again = first.get_workflow_handle(handle.id)
        assert (await again.describe()).typed_search_attributes.get(key) == "x"


async def test_a_filter_by_it_as_well(pair):
    first, second = await clients(pair)
    for n in range(NAMES):
        await add(first, f"Asked{n}")
        assert (await second.count_workflows(f"Asked{n} = 'x'")).count == 0
        await add(first, f"Listed{n}")
        listed = await second.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=harness.NAMESPACE)
        )
        assert f"Listed{n}" in listed.custom_attributes


async def test_what_is_known_already_is_told(pair):
    """These answers are given of the frontend's copy, without a look at the store."""
    first, second = await clients(pair)

    async def described():
        answer = await second.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace="told", weak_consistency=True)
        )
        return answer.namespace_info.description, answer.config.workflow_execution_retention_ttl.seconds

    await first.workflow_service.register_namespace(
        RegisterNamespaceRequest(
            namespace="told", workflow_execution_retention_period=duration_pb2.Duration(seconds=86400)
        )
    )
    assert await described() == ("", 86400)
    config = NamespaceConfig(workflow_execution_retention_ttl=duration_pb2.Duration(seconds=2 * 86400))
    await first.workflow_service.update_namespace(
        UpdateNamespaceRequest(namespace="told", update_info=UpdateNamespaceInfo(description="new"), config=config)
    )

    async def updated():
        return await described() == ("new", 2 * 86400)

    await harness.eventually(updated, 5, "the update is told")
    await add(first, "Removed")
    assert (await second.count_workflows("Removed = 'x'")).count == 0
    await first.operator_service.remove_search_attributes(
        RemoveSearchAttributesRequest(namespace=harness.NAMESPACE, search_attributes=["Removed"])
    )

    async def refused(namespace, query):
        try:
            await (await Client.connect(pair.addresses[1], namespace=namespace)).count_workflows(query)
        except RPCError as error:
            return error.message
        return None

    async def removed():
        return "not a valid search attribute" in (await refused(harness.NAMESPACE, "Removed = 'x'") or "")

    await harness.eventually(removed, 5, "the removal is told")
    await first.operator_service.delete_namespace(DeleteNamespaceRequest(namespace="told"))

    async def deleted():
        return "Namespace told is not found" in (await refused("told", "") or "")

    await harness.eventually(deleted, 5, "the deletion is told")
