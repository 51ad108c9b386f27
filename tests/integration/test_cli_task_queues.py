"""test_cli_task_queues.py - `temporal task-queue` and `temporal worker`, in all forms of output.

Left out: get-build-ids, update-build-ids, get-build-id-reachability and versioning (deprecated, not built), `worker
deployment` (not built), --partitions-legacy above 1 (a queue has one partition)."""

import json

from cli_worker import IDENTITY, rows, worker  # noqa: F401
from harness import unique, wait_until


def described(cli, queue, *words):
    return cli.json("task-queue", "describe", "-t", queue, *words)


def test_describe(cli, worker):  # noqa: F811
    def polled():
        return {poller["taskQueueType"] for poller in described(cli, worker)["pollers"] or []} == {"workflow", "activity"}

    wait_until(polled, 20, "both kinds polled")
    found = described(cli, worker)
    assert {poller["identity"] for poller in found["pollers"]} == {IDENTITY}
    assert {(stats["taskQueueType"], stats["approximateBacklogCount"]) for stats in found["stats"]} == {
        ("workflow", 0),
        ("activity", 0),
    }
    text = cli.run("task-queue", "describe", "-t", worker)
    assert "Task Queue Statistics:" in text and text.count(IDENTITY) == 2
    assert "Statistics" not in cli.run("task-queue", "describe", "-t", worker, "--disable-stats")
    only = described(cli, worker, "--task-queue-type", "activity")
    assert {poller["taskQueueType"] for poller in only["pollers"]} == {"activity"} and len(only["stats"]) == 1
    kinds = [word for kind in ("workflow", "activity", "nexus") for word in ("--task-queue-type", kind)]
    assert len(described(cli, worker, *kinds)["stats"]) == 3
    reachable = described(cli, worker, "--report-reachability")["reachability"]
    assert reachable[0]["buildId"] == "UNVERSIONED" and reachable[0]["reachability"] == "reachable"
    assert described(cli, worker, "--select-unversioned")["pollers"]
    assert not described(cli, worker, "--select-build-id", "x")["pollers"]
    assert described(cli, worker, "--select-all-active") is not None
    lines = cli.run("task-queue", "describe", "-t", worker, "-o", "jsonl").splitlines()
    assert json.loads(lines[0])["pollers"]
    legacy = described(cli, worker, "--legacy-mode", "--task-queue-type-legacy", "activity")
    assert legacy["pollers"][0]["identity"] == IDENTITY
    assert legacy["pollers"][0]["worker_version_capabilities"]["build_id"]
    assert IDENTITY in cli.run("task-queue", "describe", "-t", worker, "--legacy-mode")
    assert not described(cli, unique("empty"))["pollers"]
    assert "taskQueue length exceeds limit" in cli.run("task-queue", "describe", "-t", "x" * 1001, ok=False)
    assert "nobody is not found" in cli.run("task-queue", "describe", "-t", worker, "-n", "nobody", ok=False)


def test_backlog(cli):
    queue = unique("backlog")
    for n in range(3):
        cli.run("workflow", "start", "--type", "Nobody", "-t", queue, "-w", f"{queue}-{n}")

    def backlog():
        stats = {stats["taskQueueType"]: stats for stats in described(cli, queue)["stats"]}
        return stats["workflow"]["approximateBacklogCount"], stats["activity"]["approximateBacklogCount"]

    wait_until(lambda: backlog() == (3, 0), 20, "three wait")
    assert "Nobody" not in cli.run("task-queue", "describe", "-t", queue)
    for n in range(3):
        cli.run("workflow", "terminate", "-w", f"{queue}-{n}")


def test_partitions(cli, worker):  # noqa: F811
    found = cli.json("task-queue", "list-partition", "-t", worker)
    for kind in ("activityTaskQueuePartitions", "workflowTaskQueuePartitions"):
        assert found[kind][0]["key"] == worker and found[kind][0]["ownerHostName"]
    text = cli.run("task-queue", "list-partition", "-t", worker)
    assert "Workflow Task Queue Partitions" in text and text.count(worker) >= 2


def test_config(cli):
    queue = unique("config")
    of = ["-t", queue, "--task-queue-type", "activity"]
    assert "No configuration found" in cli.run("task-queue", "config", "get", *of)
    words = ["--queue-rps-limit", "12.5", "--queue-rps-limit-reason", "why"]
    words += ["--fairness-key-rps-limit-default", "3", "--fairness-key-rps-limit-reason", "because"]
    assert "Successfully updated" in cli.run("task-queue", "config", "set", *of, *words)
    found = cli.json("task-queue", "config", "get", *of)
    assert found["queueRateLimit"]["rateLimit"] == {"requestsPerSecond": 12.5}
    assert found["queueRateLimit"]["metadata"]["reason"] == "why"
    assert found["fairnessKeysRateLimitDefault"]["rateLimit"] == {"requestsPerSecond": 3}
    assert json.loads(cli.run("task-queue", "config", "get", *of, "-o", "jsonl")) == found
    text = cli.run("task-queue", "config", "get", *of)
    assert "12.50 rps" in text and "because" in text
    assert "No configuration found" in cli.run("task-queue", "config", "get", "-t", queue, "--task-queue-type", "workflow")
    cli.run("task-queue", "config", "set", *of, "--queue-rps-limit", "default")
    assert "rateLimit" not in cli.json("task-queue", "config", "get", *of)["queueRateLimit"]
    workflows_of = ["-t", queue, "--task-queue-type", "workflow"]
    assert "on workflow task queues is not allowed" in cli.run(
        "task-queue", "config", "set", *workflows_of, "--queue-rps-limit", "1", ok=False
    )
    assert "on workflow task queues is not allowed" in cli.run(
        "task-queue", "config", "set", *workflows_of, "--fairness-key-rps-limit-default", "1", ok=False
    )
    assert cli.run("task-queue", "config", "set", *of, "--queue-rps-limit", "-1", ok=False)


def test_workers(cli, worker):  # noqa: F811
    query = ["-q", f"TaskQueue = '{worker}' AND WorkerIdentity = '{IDENTITY}'"]

    def listed():
        return json.loads(cli.run("worker", "list", *query, "-o", "json") or "[]")

    (one,) = wait_until(listed, 20, "the worker's first heartbeat")
    beat = one["workerHeartbeat"]
    assert beat["status"] == "WORKER_STATUS_RUNNING" and beat["sdkName"] == "temporal-python"
    key = beat["workerInstanceKey"]
    assert json.loads(cli.run("worker", "list", *query, "-o", "jsonl"))["workerHeartbeat"]["workerInstanceKey"] == key
    head, row = rows(cli.run("worker", "list", *query, "--limit", "1"))
    assert head[0] == "WorkerInstanceKey" and row[0] == key
    assert cli.json("worker", "describe", "--worker-instance-key", key)["workerHeartbeat"]["taskQueue"] == worker
    assert key in cli.run("worker", "describe", "--worker-instance-key", key)
    assert "Worker nobody not found" in cli.run("worker", "describe", "--worker-instance-key", "nobody", ok=False)
    assert "malformed query" in cli.run("worker", "list", "-q", "bad query", ok=False)
    assert len(rows(cli.run("worker", "list", "-q", "TaskQueue = 'none'"))) == 1
