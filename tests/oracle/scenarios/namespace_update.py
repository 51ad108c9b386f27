"""namespace_update.py - what an update changes, merges and refuses; states of a namespace."""
import time

from google.protobuf.duration_pb2 import Duration
from kit.namespaces import describe, name_of, register, update
from temporalio.api.namespace.v1 import BadBinaries, BadBinaryInfo, NamespaceConfig, UpdateNamespaceInfo
from temporalio.api.replication.v1 import ClusterReplicationConfig, NamespaceReplicationConfig


def binaries(*names):
    return NamespaceConfig(bad_binaries=BadBinaries(binaries={
        name: BadBinaryInfo(reason=f"reason of {name}", operator="me") for name in names}))


def play(x):
    name = name_of(x)
    register(x, name, data={"a": "1", "b": "2"})
    time.sleep(2.5)  # the reference's copy of the namespaces is that old
    update(x, name, "nothing")
    update(x, name, "info", update_info=UpdateNamespaceInfo(description="d", owner_email="o", data={"b": "3", "c": "4"}))
    update(x, name, "empty info keeps", update_info=UpdateNamespaceInfo())
    update(x, name, "retention", config=NamespaceConfig(workflow_execution_retention_ttl=Duration(seconds=7200)))
    update(x, name, "short retention", config=NamespaceConfig(workflow_execution_retention_ttl=Duration(seconds=1)))
    update(x, name, "archival", config=NamespaceConfig(history_archival_state=2, history_archival_uri="file:///x"))
    update(x, name, "bad binaries", config=binaries("x", "y"), update_info=UpdateNamespaceInfo(description="e"))
    update(x, name, "one more", config=binaries("y", "z"), update_info=UpdateNamespaceInfo(description="f"))
    update(x, name, "too many", config=binaries(*(str(i) for i in range(11))))
    update(x, name, "one less", delete_bad_binary="y")
    update(x, name, "one that is not there", delete_bad_binary="nope")
    update(x, name, "aliases", config=NamespaceConfig(custom_search_attribute_aliases={"Keyword01": "One", "Int01": "Two"}))
    update(x, name, "an alias again", config=NamespaceConfig(custom_search_attribute_aliases={"Keyword02": "One"}))
    update(x, name, "a field again", config=NamespaceConfig(custom_search_attribute_aliases={"Keyword01": "Other"}))
    update(x, name, "an alias less", config=NamespaceConfig(custom_search_attribute_aliases={"Keyword01": ""}))
    update(x, name, "another cluster", replication_config=NamespaceReplicationConfig(active_cluster_name="elsewhere"))
    update(x, name, "more clusters", replication_config=NamespaceReplicationConfig(
        clusters=[ClusterReplicationConfig(cluster_name="active"), ClusterReplicationConfig(cluster_name="elsewhere")]))
    update(x, name, "handover", replication_config=NamespaceReplicationConfig(state=2))
    update(x, name + "-no", "unknown")
    update(x, "", "no name")
    update(x, name, "deprecated", update_info=UpdateNamespaceInfo(state=2))
    update(x, name, "registered again", update_info=UpdateNamespaceInfo(state=1))
    update(x, name, "handover when deprecated", replication_config=NamespaceReplicationConfig(state=2))
    update(x, name, "deleted", update_info=UpdateNamespaceInfo(state=3))
    describe(x, name)
