"""test_cli.py - the temporal command line, unmodified: every word of it that the server answers."""

import json

import pytest

import cli_worker
from harness import NAMESPACE, unique, wait_until


@pytest.fixture
def worker_thread(server):
    """A worker beside the blocking CLI calls: gives its queue."""
    with cli_worker.running(server) as queue:
        yield queue


def test_namespace_list_and_describe(cli):
    names = [ns["namespaceInfo"]["name"] for ns in cli.json("operator", "namespace", "list")]
    assert NAMESPACE in names
    found = cli.json("operator", "namespace", "describe", "-n", NAMESPACE)
    assert found["namespaceInfo"]["name"] == NAMESPACE
    assert found["namespaceInfo"]["state"] == "NAMESPACE_STATE_REGISTERED"
    assert found["config"]["workflowExecutionRetentionTtl"] == "86400s"
    by_id = cli.json(
        "operator", "namespace", "describe", "--namespace-id", found["namespaceInfo"]["id"]
    )
    assert by_id["namespaceInfo"] == found["namespaceInfo"]
    error = cli.run("operator", "namespace", "describe", "-n", "no-such-namespace", ok=False)
    assert "no-such-namespace" in error and "not found" in error


def test_namespace_create_and_update(cli):
    name = unique("ns")
    cli.run("operator", "namespace", "create", "-n", name, "--retention", "72h", "--description", "one")
    found = cli.json("operator", "namespace", "describe", "-n", name)
    assert found["config"]["workflowExecutionRetentionTtl"] == "259200s"
    assert found["namespaceInfo"]["description"] == "one"
    error = cli.run("operator", "namespace", "create", "-n", name, ok=False)
    assert "already exists" in error.lower()
    cli.run("operator", "namespace", "update", "-n", name, "--description", "two")
    found = cli.json("operator", "namespace", "describe", "-n", name)
    assert found["namespaceInfo"]["description"] == "two"
    assert found["config"]["workflowExecutionRetentionTtl"] == "259200s"


def test_cluster_health(cli):
    assert "SERVING" in cli.run("operator", "cluster", "health")


def test_start_describe_show_and_result(cli, worker_thread):
    workflow_id = unique("cli")
    started = cli.json(
        "workflow", "start", "--type", "Hello", "--task-queue", worker_thread,
        "--workflow-id", workflow_id, "--input", '"CLI"',
    )  # fmt: skip
    assert started["workflowId"] == workflow_id and started["runId"]
    result = cli.json("workflow", "result", "-w", workflow_id)
    assert result["status"] == "COMPLETED" and result["result"] == "Hello, CLI!"
    described = cli.json("workflow", "describe", "-w", workflow_id)
    info = described["workflowExecutionInfo"]
    assert info["status"] == "WORKFLOW_EXECUTION_STATUS_COMPLETED"
    assert info["execution"]["runId"] == started["runId"]
    assert info["type"]["name"] == "Hello"
    shown = cli.json("workflow", "show", "-w", workflow_id)
    assert [e["eventType"].removeprefix("EVENT_TYPE_") for e in shown["events"]] == [
        "WORKFLOW_EXECUTION_STARTED",
        "WORKFLOW_TASK_SCHEDULED",
        "WORKFLOW_TASK_STARTED",
        "WORKFLOW_TASK_COMPLETED",
        "ACTIVITY_TASK_SCHEDULED",
        "ACTIVITY_TASK_STARTED",
        "ACTIVITY_TASK_COMPLETED",
        "WORKFLOW_TASK_SCHEDULED",
        "WORKFLOW_TASK_STARTED",
        "WORKFLOW_TASK_COMPLETED",
        "WORKFLOW_EXECUTION_COMPLETED",
    ]
    text = cli.run("workflow", "show", "-w", workflow_id)
    assert "WorkflowExecutionCompleted" in text and "Hello, CLI!" in text
    assert "COMPLETED" in cli.run("workflow", "describe", "-w", workflow_id)


def test_execute(cli, worker_thread):
    text = cli.run(
        "workflow", "execute", "--type", "Hello", "--task-queue", worker_thread,
        "--workflow-id", unique("cli"), "--input", '"there"',
    )  # fmt: skip
    assert "COMPLETED" in text and "Hello, there!" in text
    failed = cli.run(
        "workflow", "execute", "--type", "Fails", "--task-queue", worker_thread,
        "--workflow-id", unique("cli"), ok=False,
    )  # fmt: skip
    assert "workflow failed" in failed.lower()


def test_list_and_count(cli, worker_thread):
    ids = {unique("cli-list") for _ in range(3)}
    before = int(cli.json("workflow", "count")["count"])
    for workflow_id in ids:
        cli.run(
            "workflow", "start", "--type", "Plain", "--task-queue", worker_thread,
            "--workflow-id", workflow_id, "--input", '"x"',
        )  # fmt: skip

    def listed():
        found = {e["execution"]["workflowId"] for e in cli.json("workflow", "list", "--limit", "1000")}
        return ids <= found

    wait_until(listed, 15, "three listed")
    wait_until(
        lambda: int(cli.json("workflow", "count")["count"]) >= before + 3, 15, "three counted"
    )
    assert "Total:" in cli.run("workflow", "count")
    text = cli.run("workflow", "list", "--limit", "1000")
    assert all(workflow_id in text for workflow_id in ids)
    assert len(cli.json("workflow", "list", "--limit", "2")) == 2


def test_signal_and_query(cli, worker_thread):
    workflow_id = unique("cli")
    cli.run(
        "workflow", "start", "--type", "Collects", "--task-queue", worker_thread,
        "--workflow-id", workflow_id,
    )  # fmt: skip
    cli.run("workflow", "signal", "-w", workflow_id, "--name", "add", "--input", '"one"')
    answer = cli.json("workflow", "query", "-w", workflow_id, "--name", "items_now")
    assert answer["queryResult"] == [["one"]] or answer["queryResult"] == ["one"]
    cli.run("workflow", "signal", "-w", workflow_id, "--name", "finish")
    result = cli.json("workflow", "result", "-w", workflow_id)
    assert result["result"] == ["one"]
    error = cli.run("workflow", "signal", "-w", workflow_id, "--name", "add", ok=False)
    assert "workflow execution already completed" in error


def test_cancel_and_terminate(cli, worker_thread):
    for words, status in ((["cancel"], "CANCELED"), (["terminate", "--reason", "r"], "TERMINATED")):
        workflow_id = unique("cli")
        cli.run(
            "workflow", "start", "--type", "WaitsForEver", "--task-queue", worker_thread,
            "--workflow-id", workflow_id,
        )  # fmt: skip
        wait_until(
            lambda: len(cli.json("workflow", "show", "-w", workflow_id)["events"]) >= 4,
            20,
            "the first workflow task",
        )
        cli.run("workflow", *words, "-w", workflow_id)
        wait_until(
            lambda: cli.json("workflow", "describe", "-w", workflow_id)["workflowExecutionInfo"][
                "status"
            ]
            == "WORKFLOW_EXECUTION_STATUS_" + status,
            20,
            status,
        )


def test_unknown_workflow(cli):
    for words in (["describe"], ["terminate"], ["cancel"], ["show"], ["result"]):
        error = cli.run("workflow", *words, "-w", "nobody", ok=False)
        assert "nobody" in error, words


def test_task_queue_describe(cli, worker_thread):
    def polled():
        found = cli.json("task-queue", "describe", "--task-queue", worker_thread)
        return any(p["taskQueueType"] == "workflow" for p in found["pollers"] or [])

    wait_until(polled, 15, "pollers shown")


def test_update(cli, worker_thread):
    workflow_id = unique("cli")
    started = ["-w", workflow_id, "--type", "Counter", "--task-queue", worker_thread]
    cli.run("workflow", "start", *started, "--input", "1")
    updated = ["workflow", "update", "execute", "-w", workflow_id, "--name", "add"]
    assert cli.json(*updated, "--input", "4", "--update-id", "one")["result"] == 5
    assert cli.json(*updated, "--input", "4", "--update-id", "one")["result"] == 5
    assert "no negative numbers" in cli.run(*updated, "--input", "-1", ok=False)
    accepted = cli.json(
        "workflow", "update", "start", "-w", workflow_id, "--name", "wait_for_gate", "--input", "2",
        "--update-id", "gated", "--wait-for-stage", "accepted",
    )
    assert accepted["updateId"] == "gated"
    cli.run("workflow", "signal", "-w", workflow_id, "--name", "open_gate")
    result = cli.json("workflow", "update", "result", "-w", workflow_id, "--update-id", "gated")
    assert result["result"] == 7
    described = cli.json("workflow", "update", "describe", "-w", workflow_id, "--update-id", "gated")
    assert described["stage"].upper().endswith("COMPLETED")
    cli.run("workflow", "terminate", "-w", workflow_id)


def test_update_with_start(cli, worker_thread):
    workflow_id = unique("cli")
    words = [
        "workflow", "execute-update-with-start", "-w", workflow_id, "--type", "Counter",
        "--task-queue", worker_thread, "--update-name", "add", "--update-input", "3", "--input", "10",
    ]
    first = cli.json(*words, "--id-conflict-policy", "UseExisting")
    assert first["updateResult"] == 13
    again = cli.json(*words, "--id-conflict-policy", "UseExisting")
    assert again["updateResult"] == 16 and again["runId"] == first["runId"]
    refused = cli.run(*words, "--id-conflict-policy", "Fail", ok=False)
    assert "already" in refused
    cli.run("workflow", "terminate", "-w", workflow_id)
