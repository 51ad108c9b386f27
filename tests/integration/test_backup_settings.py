"""test_backup_settings.py - a restored cluster has the namespaces, search attributes and task queues' settings as they
were when the backup was taken, and its lists find by them."""

import shutil

from google.protobuf import duration_pb2
from temporalio.api.namespace.v1 import BadBinaries, BadBinaryInfo, NamespaceConfig, UpdateNamespaceInfo
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
    RemoveSearchAttributesRequest,
)
from temporalio.api.taskqueue.v1 import RateLimit
from temporalio.api.workflowservice.v1 import (
    DeprecateNamespaceRequest,
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    ListNamespacesRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
    UpdateTaskQueueConfigRequest,
)
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

import harness
from test_admin import admin, connect, sql

MINE = SearchAttributeKey.for_keyword("Mine")
NUMBER = SearchAttributeKey.for_int("Number")
QUEUE = "limited"
RATE = RateLimit(requests_per_second=7.5)


async def make_settings(client):
    service = client.workflow_service
    await service.register_namespace(
        RegisterNamespaceRequest(
            namespace="kept",
            description="before",
            owner_email="owner@example.org",
            workflow_execution_retention_period=duration_pb2.Duration(seconds=5 * 86400),
            data={"team": "blue"},
        )
    )
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace="kept", search_attributes={"Mine": 2, "Number": 3, "Gone": 2})
    )
    await client.operator_service.remove_search_attributes(
        RemoveSearchAttributesRequest(namespace="kept", search_attributes=["Gone"])
    )
    await service.update_namespace(
        UpdateNamespaceRequest(
            namespace="kept", config=NamespaceConfig(bad_binaries=BadBinaries(binaries={"bad": BadBinaryInfo(reason="r")}))
        )
    )
    await service.register_namespace(
        RegisterNamespaceRequest(
            namespace="old", workflow_execution_retention_period=duration_pb2.Duration(seconds=86400)
        )
    )
    await service.deprecate_namespace(DeprecateNamespaceRequest(namespace="old"))
    await service.update_task_queue_config(
        UpdateTaskQueueConfigRequest(
            namespace="kept",
            identity="test",
            task_queue=QUEUE,
            task_queue_type=2,
            update_queue_rate_limit=UpdateTaskQueueConfigRequest.RateLimitUpdate(rate_limit=RATE, reason="because"),
        )
    )


async def change_settings(client):
    """After the backup: none of it must be there later."""
    service = client.workflow_service
    await service.update_namespace(
        UpdateNamespaceRequest(
            namespace="kept", update_info=UpdateNamespaceInfo(description="after", data={"team": "red", "more": "x"})
        )
    )
    await client.operator_service.remove_search_attributes(
        RemoveSearchAttributesRequest(namespace="kept", search_attributes=["Number"])
    )
    await service.register_namespace(
        RegisterNamespaceRequest(
            namespace="new", workflow_execution_retention_period=duration_pb2.Duration(seconds=86400)
        )
    )


async def settings_of(client):
    """All that is set, as clients see it."""
    service = client.workflow_service
    found = [
        (await service.describe_namespace(DescribeNamespaceRequest(namespace=name))) for name in ("kept", "old", "default")
    ]
    attributes = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace="kept"))
    queue = await service.describe_task_queue(
        DescribeTaskQueueRequest(namespace="kept", task_queue={"name": QUEUE}, task_queue_type=2, report_config=True)
    )
    return found, sorted(attributes.custom_attributes.items()), queue.config


async def test_settings_come_back():
    cluster = harness.Cluster()
    try:
        session = await connect(cluster)
        await make_settings(session.client)
        kept = await Client.connect(cluster.address, namespace="kept")
        await kept.start_workflow(
            "Any",
            id="found",
            task_queue=QUEUE,
            search_attributes=TypedSearchAttributes([SearchAttributePair(MINE, "x"), SearchAttributePair(NUMBER, 7)]),
        )
        before = await settings_of(session.client)
        assert before[0][0].namespace_info.data == {"team": "blue"}
        assert before[1] == [("Mine", 2), ("Number", 3)]
        assert before[2].queue_rate_limit.rate_limit == RATE
        backup, data = cluster.folder / "backup", cluster.folder / "data"
        admin(cluster, "backup", backup)
        await change_settings(session.client)
        assert await settings_of(session.client) != before
        assert cluster.interrupt() == 0
        shutil.rmtree(data)
        admin(cluster, "restore", backup, "--to", data)
        cluster.start()
        cluster.wait_ready()

        session = await connect(cluster)
        assert await settings_of(session.client) == before
        names = [n.namespace_info.name for n in (await list_namespaces(session.client))]
        assert "new" not in names and {"kept", "old", "default"} <= set(names)
        kept = await Client.connect(cluster.address, namespace="kept")
        assert [w.id async for w in kept.list_workflows("Mine = 'x' AND Number > 6")] == ["found"]
        assert (await kept.count_workflows("Number IS NULL")).count == 0
        await kept.get_workflow_handle("found").terminate()
        assert sql(cluster, "select count(*) from visibility") == [["1"]]
        assert "0 problems" in admin(cluster, "verify")
    finally:
        cluster.stop()


async def list_namespaces(client):
    return (await client.workflow_service.list_namespaces(ListNamespacesRequest())).namespaces
