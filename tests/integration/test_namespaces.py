"""test_namespaces.py - namespaces: registered, described, updated, listed, deprecated; binaries marked as bad."""

import json
from datetime import timedelta

import pytest
from google.protobuf import duration_pb2
from temporalio.api.enums.v1 import ArchivalState, EventType, NamespaceState, WorkflowTaskFailedCause
from temporalio.api.namespace.v1 import BadBinaries, BadBinaryInfo, NamespaceConfig, UpdateNamespaceInfo
from temporalio.api.replication.v1 import ClusterReplicationConfig, NamespaceReplicationConfig
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DeprecateNamespaceRequest,
    DescribeNamespaceRequest,
    GetWorkflowExecutionHistoryRequest,
    ListNamespacesRequest,
    PollWorkflowTaskQueueRequest,
    RegisterNamespaceRequest,
    RespondWorkflowTaskCompletedRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from harness import unique

S = timedelta(seconds=1)
DAY = duration_pb2.Duration(seconds=86400)


async def register(service, name=None, **fields):
    name = name or unique("ns")
    await service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=DAY, **fields)
    )
    return name


async def describe(service, name):
    return await service.describe_namespace(DescribeNamespaceRequest(namespace=name))


async def refused(call, status=RPCStatusCode.INVALID_ARGUMENT):
    with pytest.raises(RPCError) as caught:
        await call
    assert caught.value.status == status
    return caught.value.message


async def test_what_is_registered_is_described(session):
    service = session.client.workflow_service
    name = await register(service, description="what", owner_email="who", data={"a": "1"})
    shown = await describe(service, name)
    assert shown.namespace_info.name == name
    assert shown.namespace_info.state == NamespaceState.NAMESPACE_STATE_REGISTERED
    assert (shown.namespace_info.description, shown.namespace_info.owner_email) == ("what", "who")
    assert dict(shown.namespace_info.data) == {"a": "1"}
    assert shown.config.workflow_execution_retention_ttl == DAY
    assert shown.config.HasField("bad_binaries") and not shown.config.bad_binaries.binaries
    assert shown.config.history_archival_state == ArchivalState.ARCHIVAL_STATE_DISABLED
    assert shown.config.visibility_archival_state == ArchivalState.ARCHIVAL_STATE_DISABLED
    assert shown.replication_config.active_cluster_name == "active"
    assert [c.cluster_name for c in shown.replication_config.clusters] == ["active"]
    assert shown.namespace_info.limits.blob_size_limit_error == 2 * 1024 * 1024
    can = {field.name for field, value in shown.namespace_info.capabilities.ListFields() if value}
    assert can == {
        "eager_workflow_start",
        "sync_update",
        "async_update",
        "poller_autoscaling",
        "worker_heartbeats",
        "reported_problems_search_attribute",
    }
    assert not shown.namespace_info.supports_schedules
    by_id = await service.describe_namespace(DescribeNamespaceRequest(id=shown.namespace_info.id))
    assert by_id == shown
    message = await refused(register(service, name), RPCStatusCode.ALREADY_EXISTS)
    assert message == f'Namespace "{name}" already exists'


async def test_what_cannot_be_registered(session):
    service = session.client.workflow_service
    assert await refused(register(service, is_global_namespace=True)) == (
        "Cannot register global namespace when not enabled"
    )
    assert await refused(register(service, active_cluster_name="elsewhere")) == "Invalid cluster name: elsewhere"
    message = await refused(register(service, clusters=[ClusterReplicationConfig(cluster_name="elsewhere")]))
    assert message == "Invalid cluster name: elsewhere"
    message = await refused(service.register_namespace(RegisterNamespaceRequest(namespace=unique("ns"))))
    assert message == "A valid retention period is not set on request."


async def test_a_namespace_keeps_its_runs_for_an_hour_at_least(session):
    service = session.client.workflow_service

    def kept_for(seconds):
        return service.register_namespace(
            RegisterNamespaceRequest(
                namespace=unique("ns"), workflow_execution_retention_period=duration_pb2.Duration(seconds=seconds)
            )
        )

    assert await refused(kept_for(3599)) == "A valid retention period is not set on request."
    await kept_for(3600)


async def test_updates_merge(session):
    service = session.client.workflow_service
    name = await register(service, description="first", data={"a": "1", "b": "2"})

    async def update(**fields):
        return await service.update_namespace(UpdateNamespaceRequest(namespace=name, **fields))

    answer = await update(update_info=UpdateNamespaceInfo(owner_email="me", data={"b": "3", "c": "4"}))
    assert dict(answer.namespace_info.data) == {"a": "1", "b": "3", "c": "4"}
    assert (answer.namespace_info.description, answer.namespace_info.owner_email) == ("first", "me")
    longer = duration_pb2.Duration(seconds=5 * 86400)
    answer = await update(config=NamespaceConfig(workflow_execution_retention_ttl=longer))
    assert answer.config.workflow_execution_retention_ttl == longer
    for bad, text in [
        ({"config": NamespaceConfig(workflow_execution_retention_ttl=duration_pb2.Duration(seconds=1))},
         "A valid retention period is not set on request."),
        ({"delete_bad_binary": "x"}, "Bad binary checksum x doesn't exists."),
        ({"replication_config": NamespaceReplicationConfig(active_cluster_name="elsewhere")},
         "Invalid cluster name: elsewhere"),
        ({"promote_namespace": True},
         "global namespace is not enabled on this cluster, cannot update global namespace or promote local "
         f"namespace: {name}"),
    ]:  # fmt: skip
        assert await refused(update(**bad)) == text
    shown = await describe(service, name)
    assert shown.config.workflow_execution_retention_ttl == longer and dict(shown.namespace_info.data)["c"] == "4"


async def test_pages_of_a_list_and_namespaces_that_are_deleted(session):
    service = session.client.workflow_service
    names = {await register(service) for _ in range(5)}
    deleted = min(names)
    answer = await service.update_namespace(
        UpdateNamespaceRequest(
            namespace=deleted, update_info=UpdateNamespaceInfo(state=NamespaceState.NAMESPACE_STATE_DELETED)
        )
    )
    assert answer.namespace_info.state == NamespaceState.NAMESPACE_STATE_DELETED

    async def every(**filters):
        seen, token = [], b""
        while True:
            page = await service.list_namespaces(
                ListNamespacesRequest(page_size=2, next_page_token=token, **filters)
            )
            assert len(page.namespaces) <= 2
            seen += [item.namespace_info.name for item in page.namespaces]
            token = page.next_page_token
            if not token:
                return seen

    seen = await every()
    assert names - {deleted} <= set(seen) and deleted not in seen and len(set(seen)) == len(seen)
    assert names <= set(await every(namespace_filter={"include_deleted": True}))
    client = await Client.connect(session.server.address, namespace=deleted)
    message = await refused(
        client.start_workflow("Any", id=unique("wf"), task_queue="q"), RPCStatusCode.FAILED_PRECONDITION
    )
    assert message == "Namespace has invalid state: Deleted. Must be Registered."
    assert (await describe(service, deleted)).namespace_info.state == NamespaceState.NAMESPACE_STATE_DELETED


async def test_a_deprecated_namespace_starts_nothing_and_finishes_what_runs(session):
    service = session.client.workflow_service
    name = await register(service)
    client = await Client.connect(session.server.address, namespace=name)
    handle = await client.start_workflow("Any", id=unique("wf"), task_queue="q", run_timeout=60 * S)
    await service.deprecate_namespace(DeprecateNamespaceRequest(namespace=name))
    assert (await describe(service, name)).namespace_info.state == NamespaceState.NAMESPACE_STATE_DEPRECATED
    message = await refused(
        client.start_workflow("Any", id=unique("wf"), task_queue="q"), RPCStatusCode.FAILED_PRECONDITION
    )
    assert message == "Namespace has invalid state: Deprecated. Must be Registered."
    await handle.signal("go")
    await handle.terminate()
    message = await refused(
        service.update_namespace(
            UpdateNamespaceRequest(
                namespace=name, update_info=UpdateNamespaceInfo(state=NamespaceState.NAMESPACE_STATE_REGISTERED)
            )
        )
    )
    assert message == "Invalid namespace state update."


async def test_binaries_that_are_marked_as_bad_get_no_tasks_and_their_answers_fail(session, queue):
    service = session.client.workflow_service
    name = await register(service)
    client = await Client.connect(session.server.address, namespace=name)

    def poll(checksum):
        return service.poll_workflow_task_queue(
            PollWorkflowTaskQueueRequest(
                namespace=name, task_queue=TaskQueue(name=queue), identity="w", binary_checksum=checksum
            ),
            timeout=20 * S,
        )

    handle = await client.start_workflow("Any", id=unique("wf"), task_queue=queue, run_timeout=60 * S)
    task = await poll("bad")
    binaries = {"bad": BadBinaryInfo(reason="why", operator="me")}
    answer = await service.update_namespace(
        UpdateNamespaceRequest(
            namespace=name, config=NamespaceConfig(bad_binaries=BadBinaries(binaries=binaries))
        )
    )
    kept = answer.config.bad_binaries.binaries["bad"]
    assert (kept.reason, kept.operator) == ("why", "me") and kept.create_time.seconds > 0
    message = await refused(
        service.respond_workflow_task_completed(
            RespondWorkflowTaskCompletedRequest(
                namespace=name, task_token=task.task_token, identity="w", binary_checksum="bad"
            )
        )
    )
    assert message == "BadBinary: binary bad is marked as bad deployment"
    history = await service.get_workflow_execution_history(
        GetWorkflowExecutionHistoryRequest(namespace=name, execution={"workflow_id": handle.id})
    )
    [failed] = [
        event.workflow_task_failed_event_attributes
        for event in history.history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]
    assert failed.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_BAD_BINARY
    assert await refused(poll("bad")) == "Binary bad already marked as bad deployment."
    many = {str(i): BadBinaryInfo() for i in range(10)}
    message = await refused(
        service.update_namespace(
            UpdateNamespaceRequest(
                namespace=name, config=NamespaceConfig(bad_binaries=BadBinaries(binaries=many))
            )
        )
    )
    assert message == "Total resetBinaries cannot exceed the max limit: 10"
    answer = await service.update_namespace(UpdateNamespaceRequest(namespace=name, delete_bad_binary="bad"))
    assert not answer.config.bad_binaries.binaries
    task = await poll("bad")
    assert task.workflow_execution.workflow_id == handle.id
    await handle.terminate()


async def test_the_cli_creates_describes_updates_and_lists(session, cli):
    name = unique("cli")
    cli.run("operator", "namespace", "create", "-n", name, "--retention", "3d", "--description", "of the CLI")
    cli.run("operator", "namespace", "update", "-n", name, "--data", "k=v")
    shown = json.loads(cli.run("operator", "namespace", "describe", "-n", name, "-o", "json"))
    assert shown["namespaceInfo"]["description"] == "of the CLI"
    assert shown["namespaceInfo"]["data"] == {"k": "v"}
    assert shown["config"]["workflowExecutionRetentionTtl"] == "259200s"
    listed = json.loads(cli.run("operator", "namespace", "list", "-o", "json"))
    assert name in [item["namespaceInfo"]["name"] for item in listed]
