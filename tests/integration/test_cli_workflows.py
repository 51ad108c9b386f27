"""test_cli_workflows.py - `temporal workflow`: every command with the flags that it has, in all its forms of output.

test_cli.py has the plain way of start, execute, show, result, signal, query, cancel, terminate, list, count, update and
execute-update-with-start, test_batch.py the --query of cancel, terminate, signal, delete and reset. Left out here:
list --archived (an archive is not built: the error is checked), `update-options` to a pinned version and `reset
with-workflow-update-options` (deployments are not built: the error is checked)."""

import json

import pytest

from cli_worker import fields, rows, worker, workflows  # noqa: F401
from harness import NAMESPACE, unique, wait_until

NOBODY = "11111111-1111-4111-8111-111111111111"
TYPES = {
    "Text": '"some words"',
    "Keyword": '"kw"',
    "Int": "7",
    "Double": "1.5",
    "Bool": "true",
    "Datetime": '"2026-01-02T03:04:05Z"',
    "KeywordList": '["a","b"]',
}
FILTERS = {
    "Text": "= 'words'",
    "Keyword": "STARTS_WITH 'k'",
    "Int": "> 6",
    "Double": "< 2",
    "Bool": "= true",
    "Datetime": "> '2026-01-01T00:00:00Z'",
    "KeywordList": "= 'b'",
}


@pytest.fixture
def attributes(cli):
    """A search attribute of every type, for this test alone: name by type."""
    tag = unique("").strip("-")
    names = {kind: f"Cli{kind}{tag}" for kind in TYPES}
    for kind, name in names.items():
        cli.run("operator", "search-attribute", "create", "--name", name, "--type", kind)
    yield names
    words = [word for name in names.values() for word in ("--name", name)]
    cli.run("operator", "search-attribute", "remove", "--yes", *words)


def test_start_with_everything(cli, workflows, attributes):
    words = [w for kind, name in attributes.items() for w in ("--search-attribute", f"{name}={TYPES[kind]}")]
    workflow_id = workflows.start(
        "Collects", *words, "--memo", 'one="1"', "--memo", 'two={"a":[1]}', "--static-summary", "the summary",
        "--static-details", "some details", "--priority-key", "2", "--fairness-key", "fk", "--fairness-weight", "1.5",
        "--execution-timeout", "1h", "--run-timeout", "30m", "--task-timeout", "5s",
    )  # fmt: skip
    workflows.await_event(workflow_id, "WORKFLOW_TASK_COMPLETED")
    described = workflows.json("describe", workflow_id)
    config, info = described["executionConfig"], described["workflowExecutionInfo"]
    assert config["workflowExecutionTimeout"] == "3600s" and config["workflowRunTimeout"] == "1800s"
    assert config["defaultWorkflowTaskTimeout"] == "5s"
    assert config["userMetadata"] == {"summary": "the summary", "details": "some details"}
    assert info["memo"]["fields"] == {"one": "1", "two": {"a": [1]}}
    assert info["priority"] == {"priorityKey": 2, "fairnessKey": "fk", "fairnessWeight": 1.5}
    assert info["historyLength"] == "4" and info["stateTransitionCount"] == "3"
    # With their types they are shown as payloads.
    shown = info["searchAttributes"]["indexedFields"]
    for kind, name in attributes.items():
        assert shown[name]["metadata"].keys() == {"encoding", "type"}, shown[name]
    text = workflows.text("describe", workflow_id)
    assert fields(text)["WorkflowId"] == workflow_id and fields(text)["Type"] == "Collects"
    assert 'data:"7"' in fields(text)["SearchAttributes"]
    assert json.loads(workflows.text("describe", workflow_id, "-o", "jsonl"))["executionConfig"] == config
    assert fields(workflows.text("describe", workflow_id, "--raw"))["RunId"] == info["execution"]["runId"]
    points = workflows.text("describe", workflow_id, "--reset-points")
    assert info["execution"]["runId"] in points or "RunId" in points
    started = workflows.json("show", workflow_id)["events"][0]
    assert started["userMetadata"]["summary"]["data"]
    for kind, name in attributes.items():
        (found,) = cli.json("workflow", "list", "-q", f"{name} {FILTERS[kind]}")
        assert found["execution"]["workflowId"] == workflow_id
        assert cli.json("workflow", "count", "-q", f"{name} {FILTERS[kind]}")["count"] == "1"
    listed = cli.run("workflow", "list", "-q", f"{attributes['Keyword']} = 'kw'", "-o", "jsonl")
    assert json.loads(listed)["execution"]["workflowId"] == workflow_id
    workflows.text("terminate", workflow_id)


def test_start_over_a_running_one(workflows):
    workflow_id = workflows.start("WaitsForEver")
    run_id = workflows.info(workflow_id)["execution"]["runId"]
    again = ["--type", "WaitsForEver", "-t", workflows.queue]
    for words in ([], ["--id-conflict-policy", "UseExisting"], ["--id-reuse-policy", "RejectDuplicate"]):
        assert workflows.json("start", workflow_id, *again, *words)["runId"] == run_id
    refused = workflows.refused("start", workflow_id, *again, "--fail-existing")
    assert "Workflow execution is already running" in refused and run_id in refused
    other = workflows.json("start", workflow_id, *again, "--id-conflict-policy", "TerminateExisting")["runId"]
    assert other != run_id
    ended = workflows.json("describe", workflow_id, "-r", run_id)["workflowExecutionInfo"]
    assert ended["status"] == "WORKFLOW_EXECUTION_STATUS_TERMINATED"
    workflows.text("terminate", workflow_id)
    refused = workflows.refused(
        "start", workflow_id, *again, "--id-reuse-policy", "RejectDuplicate", "--fail-existing"
    )
    assert "Workflow execution already finished" in refused and "reject duplicate" in refused


@pytest.mark.parametrize(
    "words, said",
    [
        (["--search-attribute", 'NoSuch="x"'], "has no mapping defined for search attribute NoSuch"),
        (["--task-timeout", "-5s"], "An invalid WorkflowTaskTimeoutSeconds is set on request"),
        (["--fairness-key", "k" * 65], "fairness key length exceeds limit"),
        (["--priority-key", "-1"], "priority key can't be negative"),
        (["-w", "x" * 1001], "WorkflowId exceeds maximum allowed length (1001/1000)"),
        (["--type", "t" * 1001], "WorkflowType length exceeds limit"),
        (["-n", "nobody"], "Namespace nobody is not found"),
    ],
)
def test_start_refused(cli, worker, words, said):  # noqa: F811
    all_words = ["--type", "Plain", "-t", worker, "-w", unique("cli"), *words]
    assert said.lower() in cli.run("workflow", "start", *all_words, ok=False).lower()


def test_start_delay_and_inputs(cli, workflows, tmp_path):
    path = tmp_path / "input"
    path.write_text('"from a file"')
    workflow_id = workflows.start("Plain", "--input-file", str(path), "--start-delay", "1s")
    info = workflows.info(workflow_id)
    assert info["executionTime"] > info["startTime"]
    assert workflows.json("result", workflow_id)["result"] == "from a file"
    workflow_id = unique("cli")
    words = ["-i", "AAEC", "--input-base64", "--input-meta", "encoding=binary/plain", "--input-meta", "more=yes"]
    cli.run("workflow", "start", "--type", "Plain", "-t", unique("nobody"), "-w", workflow_id, *words)
    raw = workflows.json("show", workflow_id, "--no-json-shorthand-payloads")["events"][0]
    (payload,) = raw["workflowExecutionStartedEventAttributes"]["input"]["payloads"]
    assert payload == {"metadata": {"encoding": "YmluYXJ5L3BsYWlu", "more": "eWVz"}, "data": "AAEC"}
    workflows.text("terminate", workflow_id)


def test_show(cli, workflows):
    workflow_id = workflows.start("Hello", "-i", '"you"')
    followed = cli.run("workflow", "show", "-w", workflow_id, "--follow")  # to the end
    assert "WorkflowExecutionCompleted" in followed and "COMPLETED" in followed
    text = rows(workflows.text("show", workflow_id))
    assert [row[0] for row in text[2:13]] == [str(n) for n in range(1, 12)], text
    detailed = workflows.text("show", workflow_id, "--detailed")
    assert "scheduledEventId: 5" in detailed and "activityType.name: greet" in detailed
    whole = json.loads(workflows.text("show", workflow_id, "-o", "jsonl"))
    assert whole == workflows.json("show", workflow_id)
    assert [event["eventId"] for event in whole["events"]] == [str(n) for n in range(1, 12)]
    refused = workflows.refused("show", workflow_id, "-r", NOBODY)
    assert "not found" in refused.lower()


def test_execute_in_all_forms(cli, workflows):
    words = ["--type", "Hello", "-t", workflows.queue, "-i", '"you"']
    found = cli.json("workflow", "execute", *words)
    assert found["status"] == "COMPLETED" and found["result"] == "Hello, you!"
    assert [event["eventId"] for event in [found["closeEvent"]]] == ["11"]
    assert "Hello, you!" in cli.run("workflow", "execute", *words, "--detailed")
    failed = cli.run("workflow", "execute", "--type", "Fails", "-t", workflows.queue, ok=False)
    assert "workflow failed" in failed
    workflow_id = unique("cli")
    slow = ["--type", "Sleeps", "-t", workflows.queue, "-w", workflow_id, "-i", "30", "--run-timeout", "1s"]
    assert "workflow failed" in cli.run("workflow", "execute", *slow, ok=False)
    assert workflows.status(workflow_id) == "TIMED_OUT"


def test_result_of_each_end(workflows):
    chain = workflows.start("CountsDown", "-i", "2", "-i", "[]")
    assert len(workflows.json("result", chain)["result"]) == 2  # follows the chain
    failed = workflows.start("Fails")
    assert "workflow failed" in workflows.text("result", failed, ok=False)
    assert workflows.status(failed) == "FAILED"
    ended = workflows.start("WaitsForEver")
    workflows.text("terminate", ended, "--reason", "over")
    assert "workflow failed" in workflows.text("result", ended, ok=False)
    assert workflows.json("show", ended)["events"][-1]["workflowExecutionTerminatedEventAttributes"]["reason"] == "over"
    cancelled = workflows.start("WaitsForEver")
    workflows.await_event(cancelled, "WORKFLOW_TASK_COMPLETED")
    assert "Canceled workflow" in workflows.text("cancel", cancelled)
    assert "workflow failed" in workflows.text("result", cancelled, ok=False)
    assert workflows.status(cancelled) == "CANCELED"
    assert "Canceled workflow" in workflows.text("cancel", cancelled)  # again: it is so
    assert "workflow execution already completed" in workflows.refused("terminate", cancelled)
    for verb in ("cancel", "terminate"):
        assert "Invalid RunId" in workflows.refused(verb, cancelled, "-r", "bad")
        assert "not found" in workflows.refused(verb, cancelled, "-r", NOBODY).lower()


def test_signal_with_start_and_queries(workflows):
    workflow_id = unique("cli")
    base = ["--type", "Collects", "-t", workflows.queue, "--signal-name", "add"]
    first = workflows.json("signal-with-start", workflow_id, *base, "--signal-input", '"one"', "--memo", 'm="1"')
    again = workflows.json("signal-with-start", workflow_id, *base, "--signal-input", '"two"')
    assert again["runId"] == first["runId"]
    workflows.text("signal", workflow_id, "--name", "add", "-i", '"three"', "-r", first["runId"])
    wait_until(
        lambda: workflows.json("query", workflow_id, "--name", "count_with", "-i", "4")["queryResult"] == [7], 20, "3"
    )
    assert workflows.json("query", workflow_id, "--name", "items_now")["queryResult"] == [["one", "two", "three"]]
    assert '["one","two","three"]' in workflows.text("query", workflow_id, "--name", "items_now").replace(" ", "")
    assert "no answer" in workflows.refused("query", workflow_id, "--name", "broken")
    assert "no_such" in workflows.refused("query", workflow_id, "--name", "no_such")
    metadata = workflows.json("metadata", workflow_id)["queryResult"]
    assert "items_now" in json.dumps(metadata)
    assert "Stack for" in workflows.text("stack", workflow_id)
    workflows.text("signal", workflow_id, "--name", "finish")
    workflows.await_status(workflow_id, "COMPLETED")
    refused = [*"--name items_now --reject-condition not_open".split()]
    assert "COMPLETED" in workflows.text("query", workflow_id, *refused, ok=False).upper()
    refused[-1] = "not_completed_cleanly"
    assert workflows.json("query", workflow_id, *refused)["queryResult"] == [["one", "two", "three"]]
    # Over the one that has ended it starts another.
    other = workflows.json("signal-with-start", workflow_id, *base, "--signal-input", '"four"')["runId"]
    assert other != first["runId"]
    workflows.text("terminate", workflow_id)


def test_reset(workflows):
    workflow_id = workflows.start("Collects")
    for item in "ab":
        workflows.text("signal", workflow_id, "--name", "add", "-i", f'"{item}"')
    items = ["query", workflow_id, "--name", "items_now"]
    wait_until(lambda: workflows.json(*items)["queryResult"] == [["a", "b"]], 20, "both signals seen")
    base = workflows.info(workflow_id)["execution"]["runId"]
    answer = workflows.json("reset", workflow_id, "--reason", "again", "--type", "FirstWorkflowTask")
    assert answer["runId"] != base
    assert workflows.info(workflow_id)["execution"]["runId"] == answer["runId"]
    assert workflows.json(*items)["queryResult"] == [["a", "b"]]  # reapplied
    assert workflows.json("describe", workflow_id, "-r", base)["workflowExtendedInfo"]["resetRunId"] == answer["runId"]
    answer = workflows.json("reset", workflow_id, "--reason", "again", "-e", "4", "--reapply-exclude", "Signal")
    assert workflows.json(*items)["queryResult"] in ([[]], [None]) and answer["runId"] != base
    for event in ("1", "5000"):
        refused = workflows.refused("reset", workflow_id, "--reason", "r", "-e", event)
        assert "Workflow task finish ID must be > 1 && <= workflow last event ID." in refused
    assert "not found" in workflows.refused("reset", unique("nobody"), "--reason", "r", "--type", "FirstWorkflowTask").lower()
    pinned = ["--versioning-override-behavior", "pinned", "--versioning-override-deployment-name", "d"]
    refused = workflows.refused(
        "reset with-workflow-update-options", workflow_id, "--reason", "r", "--type", "FirstWorkflowTask", *pinned,
        "--versioning-override-build-id", "b",
    )  # fmt: skip
    assert "Pinned version 'd:b' is not present in task queue" in refused
    workflows.text("signal", workflow_id, "--name", "finish")
    workflows.await_status(workflow_id, "COMPLETED")
    workflows.text("reset", workflow_id, "--reason", "from the end", "--type", "LastWorkflowTask")
    workflows.await_status(workflow_id, "COMPLETED")  # the signal came again
    chain = workflows.start("CountsDown", "-i", "2", "-i", "[]")
    workflows.json("result", chain)
    workflows.text("reset", chain, "--reason", "r", "--type", "LastContinuedAsNew")
    workflows.await_status(chain, "COMPLETED")


def test_update_options(workflows):
    workflow_id = workflows.start("WaitsForEver")
    workflows.await_event(workflow_id, "WORKFLOW_TASK_COMPLETED")
    change = ["update-options", workflow_id, "--versioning-override-behavior"]
    assert "succeeded" in workflows.text(*change, "auto_upgrade")
    info = workflows.info(workflow_id)
    assert info["versioningInfo"]["versioningOverride"]["autoUpgrade"] is True
    assert {"BuildIds", "TemporalWorkflowVersioningBehavior"} <= info["searchAttributes"]["indexedFields"].keys()
    workflows.text(*change, "unspecified")
    assert "versioningOverride" not in workflows.info(workflow_id).get("versioningInfo", {})
    words = ["--versioning-override-deployment-name", "d", "--versioning-override-build-id", "b"]
    assert "Pinned version 'd:b' is not present" in workflows.refused(*change, "pinned", *words)
    assert "not found" in workflows.refused("update-options", unique("nobody"), *change[2:], "auto_upgrade").lower()
    assert workflows.types(workflow_id).count("WORKFLOW_EXECUTION_OPTIONS_UPDATED") == 2
    workflows.text("terminate", workflow_id)


def test_updates(workflows):
    workflow_id = workflows.start("Counter", "-i", "1")
    run_id = workflows.info(workflow_id)["execution"]["runId"]
    add = ["update execute", workflow_id, "--name", "add"]
    assert "5" in workflows.text(*add, "-i", "4", "--first-execution-run-id", run_id)
    assert "not found" in workflows.refused(*add, "-i", "4", "--first-execution-run-id", NOBODY).lower()
    assert "unable to update workflow" in workflows.refused(*add, "-i", "-1")
    assert "not found" in workflows.refused("update execute", unique("nobody"), "--name", "add").lower()
    gate = ["update start", workflow_id, "--name", "wait_for_gate", "-i", "2", "--wait-for-stage", "accepted"]
    assert "g1" in workflows.text(*gate, "--update-id", "g1")
    assert "accepted" in json.dumps(workflows.json("update describe", workflow_id, "--update-id", "g1")).lower()
    assert "g1" in workflows.text("update describe", workflow_id, "--update-id", "g1")
    assert "not found" in workflows.refused("update describe", workflow_id, "--update-id", "zz").lower()
    workflows.text("terminate", workflow_id)
    assert "already completed" in workflows.refused(*add, "-i", "1")


def test_start_update_with_start(workflows):
    workflow_id = unique("cli")
    words = [
        "start-update-with-start", workflow_id, "--type", "Counter", "-t", workflows.queue, "-i", "10",
        "--update-name", "add", "--update-input", "3", "--update-wait-for-stage", "accepted",
    ]  # fmt: skip
    first = workflows.json(*words, "--id-conflict-policy", "UseExisting", "--update-id", "one")
    again = workflows.json(*words, "--id-conflict-policy", "UseExisting", "--update-id", "one")
    assert first["runId"] == again["runId"] and first["updateId"] == again["updateId"] == "one"
    assert "already running" in workflows.refused(*words, "--id-conflict-policy", "Fail")
    assert workflows.json("update result", workflow_id, "--update-id", "one")["result"] == 13
    workflows.text("terminate", workflow_id)


def test_parent_and_trace(cli, workflows, tmp_path):
    workflow_id = workflows.start("Parent", "-i", "1")
    workflows.await_event(workflow_id, "CHILD_WORKFLOW_EXECUTION_STARTED")
    (child,) = workflows.json("describe", workflow_id)["pendingChildren"]
    assert child["workflowId"] == f"{workflow_id}/child" and child["workflowTypeName"] == "Child"
    assert "Pending Child Workflows: 1" in workflows.text("describe", workflow_id)
    assert workflows.info(child["workflowId"])["parentExecution"]["workflowId"] == workflow_id
    workflows.text("signal", workflow_id, "--name", "finish", "-i", '"done"')
    workflows.await_status(child["workflowId"], "TERMINATED")
    for words in ([], ["--no-fold"], ["--fold", "terminated", "--depth", "1"]):
        traced = workflows.text("trace", workflow_id, *words)
        assert "Parent" in traced and "Child" in traced, traced
    path = tmp_path / "history.json"
    path.write_text(workflows.text("show", workflow_id, "-o", "json"))
    fixed = cli.run("workflow", "fix-history-json", "--source", str(path))
    assert len(json.loads(fixed)["events"]) == len(workflows.types(workflow_id))


def test_list_and_count_forms(cli, workflows):
    prefix = unique("cli-forms")
    for n in range(3):
        workflows.start("WaitsForEver", workflow_id=f"{prefix}-{n}")
    workflows.text("terminate", f"{prefix}-0")
    mine = f"WorkflowId STARTS_WITH '{prefix}'"
    table = rows(cli.run("workflow", "list", "-q", mine))
    assert table[0][:3] == ["Status", "WorkflowId", "Type"] and len(table) == 4
    assert len(rows(cli.run("workflow", "list", "-q", mine, "--limit", "2", "--page-size", "1"))) == 3
    lines = cli.run("workflow", "list", "-q", mine, "-o", "jsonl", "--page-size", "1").splitlines()
    assert {json.loads(line)["execution"]["workflowId"] for line in lines} == {f"{prefix}-{n}" for n in range(3)}
    assert cli.json("workflow", "list", "-q", "WorkflowId = 'nobody'") == []
    assert cli.json("workflow", "count", "-q", mine) == {"count": "3"}
    grouped = cli.json("workflow", "count", "-q", f"{mine} GROUP BY ExecutionStatus")
    assert grouped["count"] == "3"
    assert {group["groupValues"][0]: group["count"] for group in grouped["groups"]} == {"Running": "2", "Terminated": "1"}
    text = cli.run("workflow", "count", "-q", f"{mine} GROUP BY ExecutionStatus")
    assert "Total: 3" in text and "Running" in text
    for query, said in {
        "Bad query": "malformed SQL query: syntax error",
        "NoSuchAttr=1": "'NoSuchAttr' is not a valid search attribute",
        "GROUP BY WorkflowType": "'GROUP BY' clause is not supported for search attribute WorkflowType",
    }.items():
        assert said in cli.run("workflow", "count", "-q", query, ok=False)
    assert cli.run("workflow", "list", "--archived", ok=False)
    assert "nobody" in cli.run("workflow", "list", "-n", "nobody", ok=False)
    for n in (1, 2):
        workflows.text("terminate", f"{prefix}-{n}")


def test_delete(cli, workflows):
    workflow_id = workflows.start("Plain", "-i", '"x"')
    workflows.json("result", workflow_id)
    workflows.text("delete", workflow_id)
    wait_until(lambda: cli.json("workflow", "list", "-q", f"WorkflowId = '{workflow_id}'") == [], 20, "deleted")
    wait_until(
        lambda: "not found" in cli.run("workflow", "delete", "-w", workflow_id, ok=False).lower(), 20, "nothing is left"
    )
    assert "not found" in workflows.refused("describe", workflow_id).lower()
    running = workflows.start("WaitsForEver")
    workflows.text("delete", running)  # of one that runs: ends it first
    wait_until(lambda: cli.json("workflow", "list", "-q", f"WorkflowId = '{running}'") == [], 20, "deleted")
    assert NAMESPACE == "default"
