"""test_clusters.py - the cluster as its operators see it: there is one, and it knows no other."""

import pytest
from temporalio.api.operatorservice.v1 import (
    AddOrUpdateRemoteClusterRequest,
    ListClustersRequest,
    RemoveRemoteClusterRequest,
)
from temporalio.api.workflowservice.v1 import GetClusterInfoRequest
from temporalio.service import RPCError, RPCStatusCode


async def test_the_cluster_lists_itself(session):
    info = await session.client.workflow_service.get_cluster_info(GetClusterInfoRequest())
    [own] = (await session.client.operator_service.list_clusters(ListClustersRequest())).clusters
    assert own.cluster_name == info.cluster_name == "active"
    assert own.cluster_id == info.cluster_id
    assert own.history_shard_count == info.history_shard_count
    assert own.initial_failover_version == info.initial_failover_version == 1
    assert own.is_connection_enabled
    assert own.address.rpartition(":")[2] == session.server.address.rpartition(":")[2]


async def test_there_are_no_others(session):
    operator = session.client.operator_service
    with pytest.raises(RPCError) as caught:
        await operator.remove_remote_cluster(RemoveRemoteClusterRequest(cluster_name="other"))
    assert caught.value.status == RPCStatusCode.NOT_FOUND
    assert caught.value.message == "The cluster to be deleted cannot be found in clusters cache."
    with pytest.raises(RPCError) as caught:
        await operator.add_or_update_remote_cluster(
            AddOrUpdateRemoteClusterRequest(frontend_address="127.0.0.1:1")
        )
    assert caught.value.status == RPCStatusCode.UNAVAILABLE
    assert caught.value.message.startswith("Unable connect to remote cluster 127.0.0.1:1 with error: ")


def test_the_cli_sees_a_healthy_cluster(cli):
    assert "SERVING" in cli.run("operator", "cluster", "health")
    assert "active" in cli.run("operator", "cluster", "describe")
    assert cli.json("operator", "cluster", "system")["serverVersion"]
    assert "active" in cli.run("operator", "cluster", "list")
