"""test_cli_operator.py - `temporal operator`: cluster, namespace and search-attribute, in all forms of output.

test_cli.py has the plain way of `namespace`. Left out: `nexus endpoint` (not built), `cluster upsert` of another cluster
(this server does not replicate: the error is checked), archival URIs (an archive is not built; they are taken)."""

import json

import pytest

from cli_worker import fields, rows
from harness import NAMESPACE, unique

NOBODY = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def namespace(cli):
    name = unique("ns")
    words = ["--retention", "3d", "--description", "one", "--email", "me@here", "--data", "a=1", "--data", "b=2"]
    assert "successfully registered" in cli.run("operator", "namespace", "create", "-n", name, *words)
    return name


def test_cluster(cli):
    assert cli.json("operator", "cluster", "health") == {"status": "SERVING"}
    described = cli.json("operator", "cluster", "describe")
    assert described["clusterName"] == "active" and described["supportedClients"]["temporal-cli"]
    assert described["historyShardCount"] >= 1 and described["initialFailoverVersion"] == "1"
    head, row = rows(cli.run("operator", "cluster", "describe", "--detail"))
    assert head == ["ClusterName", "PersistenceStore", "VisibilityStore", "HistoryShardCount", "VersionInfo"]
    assert row[0] == "active" and row[3] == str(described["historyShardCount"])
    system = cli.json("operator", "cluster", "system")
    assert system["serverVersion"] == described["serverVersion"]
    assert system["capabilities"]["upsertMemo"] and system["capabilities"]["countGroupByExecutionStatus"]
    assert described["serverVersion"] in cli.run("operator", "cluster", "system")
    (own,) = cli.json("operator", "cluster", "list")
    assert own["clusterName"] == "active" and own["clusterId"] == described["clusterId"] and own["isConnectionEnabled"]
    assert json.loads(cli.run("operator", "cluster", "list", "-o", "jsonl")) == own
    assert rows(cli.run("operator", "cluster", "list"))[1][0] == "active"
    assert "unable to upsert cluster" in cli.run(
        "operator", "cluster", "upsert", "--frontend-address", "127.0.0.1:1", "--enable-connection", ok=False
    )
    for name in ("nobody", "active"):
        assert "failed removing cluster" in cli.run("operator", "cluster", "remove", "--name", name, ok=False)


def test_namespace_described_and_updated(cli, namespace):
    of = ["operator", "namespace", "describe", "-n", namespace]
    text = fields(cli.run(*of))
    assert text["NamespaceInfo.Name"] == namespace and text["NamespaceInfo.State"] == "Registered"
    assert text["NamespaceInfo.Data"] == "map[a:1 b:2]" and text["Config.WorkflowExecutionRetentionTtl"] == "72h0m0s"
    found = cli.json(*of)
    assert found["namespaceInfo"]["ownerEmail"] == "me@here" and found["namespaceInfo"]["capabilities"]["syncUpdate"]
    assert found["replicationConfig"]["activeClusterName"] == "active"
    assert json.loads(cli.run(*of, "-o", "jsonl")) == found
    assert cli.json("operator", "namespace", "describe", "--namespace-id", found["namespaceInfo"]["id"]) == found
    words = ["--retention", "1d", "--email", "you@there", "--data", "b=3", "--data", "c=4", "--replication-state", "normal"]
    assert "succeeded" in cli.run("operator", "namespace", "update", "-n", namespace, *words)
    found = cli.json(*of)
    assert found["namespaceInfo"]["data"] == {"a": "1", "b": "3", "c": "4"}
    assert found["namespaceInfo"]["description"] == "one" and found["namespaceInfo"]["ownerEmail"] == "you@there"
    assert found["config"]["workflowExecutionRetentionTtl"] == "86400s"
    names = [json.loads(line)["namespaceInfo"]["name"] for line in
             cli.run("operator", "namespace", "list", "-o", "jsonl").splitlines()]  # fmt: skip
    assert namespace in names and NAMESPACE in names
    assert namespace in cli.run("operator", "namespace", "list")


def test_namespace_refused(cli, namespace):
    def refused(verb, *words):
        return cli.run("operator", "namespace", verb, *words, ok=False)

    other = unique("ns")
    assert "already exists" in refused("create", "-n", namespace)
    assert "retention" in refused("create", "-n", other, "--retention", "1s").lower()
    assert "Cannot register global namespace when not enabled" in refused("create", "-n", other, "--global")
    for words in (["--active-cluster", "nobody"], ["--cluster", "nobody"]):
        assert "Invalid cluster name: nobody" in refused("create", "-n", other, *words)
    assert refused("create", "-n", "x" * 1001)
    assert "retention" in refused("update", "-n", namespace, "--retention", "1s").lower()
    assert "Invalid cluster name: nobody" in refused("update", "-n", namespace, "--cluster", "nobody")
    assert "global namespace" in refused("update", "-n", namespace, "--replication-state", "handover")
    for verb, words in (("update", ["-n", other, "--description", "x"]), ("describe", ["-n", other])):
        assert f"Namespace {other} is not found" in refused(verb, *words)
    assert "is not found" in refused("describe", "--namespace-id", NOBODY)


def test_search_attributes(cli, namespace):
    of = ["operator", "search-attribute"]
    in_it = ["-n", namespace]

    def listed():
        return {row[0]: row[1] for row in rows(cli.run(*of, "list", *in_it))[1:]}

    system = listed()
    assert system["WorkflowId"] == "Keyword" and system["TemporalChangeVersion"] == "KeywordList"
    for name in ("One", "Two", "One"):  # again: nothing new
        cli.run(*of, "create", "--name", name, "--type", "Keyword", *in_it)
    for kind in ("Text", "Int", "Double", "Bool", "Datetime", "KeywordList"):
        cli.run(*of, "create", "--name", "Of" + kind, "--type", kind, *in_it)
    now = listed()
    assert now["One"] == now["Two"] == "Keyword" and now["OfKeywordList"] == "KeywordList" and now["OfInt"] == "Int"
    as_json = cli.json(*of, "list", *in_it)
    assert as_json["customAttributes"]["OfText"] == "INDEXED_VALUE_TYPE_TEXT"
    assert as_json["systemAttributes"]["StartTime"] == "INDEXED_VALUE_TYPE_DATETIME"
    assert json.loads(cli.run(*of, "list", *in_it, "-o", "jsonl")) == as_json

    def refused(*words):
        return cli.run(*of, *words, ok=False)

    assert "already exists and has different type Keyword" in refused("create", "--name", "One", "--type", "Int", *in_it)
    for name in ("WorkflowId", "TemporalMine"):
        assert "is reserved by system" in refused("create", "--name", name, "--type", "Int", *in_it)
    assert "Unable to remove non-custom search attributes" in refused("remove", "--name", "WorkflowId", "-y", *in_it)
    assert "is not found" in refused("list", "-n", unique("nobody"))
    assert "is not found" in refused("create", "--name", "One", "--type", "Int", "-n", unique("nobody"))
    cli.run(*of, "remove", "--name", "One", "--name", "Two", "-y", *in_it)
    assert not {"One", "Two"} & listed().keys()
    cli.run(*of, "remove", "--name", "One", "-y", *in_it)  # again: it is gone
