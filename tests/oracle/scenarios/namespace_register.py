"""namespace_register.py - namespaces are registered and described; what cannot be registered."""
from google.protobuf.duration_pb2 import Duration
from kit.namespaces import describe, name_of, register
from temporalio.api.replication.v1 import ClusterReplicationConfig
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def play(x):
    name = name_of(x)
    register(x, name, description="what", owner_email="who@example", data={"a": "1", "b": "2"},
             history_archival_state=2, history_archival_uri="file:///tmp/x")
    shown = describe(x, name)
    describe(x, "", "by id", id=shown.namespace_info.id)
    describe(x, name, "by both", id=shown.namespace_info.id)
    describe(x, "", "by none")
    describe(x, name + "-no", "unknown")
    describe(x, "", "unknown id", id="00000000-0000-4000-8000-000000000000")
    register(x, name, "again")
    register(x, "", "no name")
    register(x, "n" * 1001, "long name")
    register(x, name_of(x), "global", is_global_namespace=True)
    register(x, name_of(x), "elsewhere", active_cluster_name="elsewhere")
    register(x, name_of(x), "two clusters", clusters=[ClusterReplicationConfig(cluster_name="elsewhere")])
    register(x, name_of(x), "no retention", workflow_execution_retention_period=None)
    register(x, name_of(x), "short retention", workflow_execution_retention_period=Duration(seconds=3599))
    register(x, name_of(x), "negative retention", workflow_execution_retention_period=Duration(seconds=-5))
    x.call("DescribeNamespace", api.DescribeNamespaceRequest(namespace="n" * 1001), label="long name described")
