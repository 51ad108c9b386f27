"""test_cli_activities.py - `temporal activity`: every command about one workflow's activities, and what they refuse.

test_batch.py has those with --query. Left out: nothing."""

import json

from cli_worker import IDENTITY, fields, worker, workflows  # noqa: F401
from harness import unique, wait_until


def start(workflows, kind, **options):  # noqa: F811
    return workflows.start("Activity", "-i", json.dumps(kind), "-i", "[]", "-i", json.dumps(options))


def pending(workflows, workflow_id):  # noqa: F811
    found = workflows.json("describe", workflow_id).get("pendingActivities", [])
    return found[0] if found else None


def until(workflows, workflow_id, condition, what):  # noqa: F811
    def holds():
        one = pending(workflows, workflow_id)
        return one if one and condition(one) else None

    return wait_until(holds, 20, what)


def nobody_polls(workflows):  # noqa: F811
    """An activity on a queue without a worker: the workflow and what names the activity."""
    workflow_id = start(workflows, "hang", start_to_close=600, elsewhere=unique("nobody"))
    one = until(workflows, workflow_id, lambda one: True, "scheduled")
    return workflow_id, ["-w", workflow_id, "--activity-id", one["activityId"]]


def said(cli, *words):
    return cli.run("activity", *words, ok=False)


def test_pause_and_unpause(cli, workflows):
    workflow_id, which = nobody_polls(workflows)
    cli.run("activity", "pause", *which)
    one = pending(workflows, workflow_id)
    assert one["paused"] is True and one["state"] == "PENDING_ACTIVITY_STATE_PAUSED"
    who = one["pauseInfo"]["manual"]["identity"]
    assert who.startswith("temporal-cli:")
    assert "Paused" in workflows.text("describe", workflow_id) or "true" in workflows.text("describe", workflow_id)
    cli.run("activity", "pause", *which)  # again: nothing new
    assert pending(workflows, workflow_id)["pauseInfo"] == one["pauseInfo"]
    (found,) = cli.json("workflow", "list", "-q", f"TemporalPauseInfo IS NOT NULL AND WorkflowId = '{workflow_id}'")
    assert found["execution"]["workflowId"] == workflow_id
    cli.run("activity", "unpause", *which, "--reset-attempts", "--reset-heartbeats", "--jitter", "1s")
    assert "paused" not in pending(workflows, workflow_id)
    cli.run("activity", "pause", "-w", workflow_id, "--activity-type", "hang")
    assert pending(workflows, workflow_id)["paused"] is True
    cli.run("activity", "unpause", "-w", workflow_id, "--activity-type", "hang")
    assert "Activity.Id or Activity.Type should be set" in said(cli, "unpause", "-w", workflow_id, "--match-all")
    assert "paused" not in pending(workflows, workflow_id)
    for verb in ("pause", "unpause", "reset"):
        assert "Can't find pending activity" in said(cli, verb, "-w", workflow_id, "--activity-id", "nope")
    assert "not found" in said(cli, "pause", "-w", unique("nobody"), "--activity-id", "1").lower()
    assert said(cli, "pause", "-w", workflow_id)
    workflows.text("terminate", workflow_id)


def test_update_options(cli, workflows):
    workflow_id, which = nobody_polls(workflows)
    text = cli.run(
        "activity", "update-options", *which, "--start-to-close-timeout", "5m",
        "--heartbeat-timeout", "10s", "--schedule-to-close-timeout", "1h", "--schedule-to-start-timeout", "30m",
        "--retry-initial-interval", "2s", "--retry-maximum-interval", "20s", "--retry-backoff-coefficient", "3",
        "--retry-maximum-attempts", "7",
    )  # fmt: skip
    assert fields(text)["ScheduleToStartTimeout"] == "30m0s" and fields(text)["MaximumAttempts"] == "7"
    options = pending(workflows, workflow_id)["activityOptions"]
    assert options["startToCloseTimeout"] == "300s" and options["scheduleToCloseTimeout"] == "3600s"
    assert options["heartbeatTimeout"] == "10s" and options["scheduleToStartTimeout"] == "1800s"
    assert options["retryPolicy"] == {
        "initialInterval": "2s", "backoffCoefficient": 3, "maximumInterval": "20s", "maximumAttempts": 7,
    }  # fmt: skip
    answer = cli.json("activity", "update-options", *which, "--start-to-close-timeout", "6m")
    assert answer["StartToCloseTimeout"] == 360 * 10**9 and answer["MaximumAttempts"] == 7
    assert json.loads(cli.run("activity", "update-options", *which, "-o", "jsonl")) == answer
    for words, text in (
        (["--retry-maximum-attempts", "-1"], "MaximumAttempts cannot be negative on retry policy."),
        (["--start-to-close-timeout", "-5s"], "invalid StartToCloseTimeout: negative duration"),
    ):
        assert text in said(cli, "update-options", *which, *words)
    # Both are of a --query only.
    for words in (["--activity-type", "hang"], ["--match-all"]):
        refused = said(cli, "update-options", "-w", workflow_id, *words, "--start-to-close-timeout", "7m")
        assert "Can't find pending activity with such ID" in refused
    assert pending(workflows, workflow_id)["activityOptions"]["startToCloseTimeout"] == "360s"
    workflows.text("terminate", workflow_id)


def test_reset(cli, workflows):
    workflow_id = start(workflows, "always_fails", start_to_close=600, retry={"initial_ms": 3_600_000})
    one = until(workflows, workflow_id, lambda one: "lastFailure" in one, "it failed once")
    assert one["attempt"] == 2 and one["lastFailure"]["message"] == "no luck" and one["lastWorkerIdentity"] == IDENTITY
    assert "no luck" in workflows.text("describe", workflow_id)
    which = ["-w", workflow_id, "--activity-id", one["activityId"]]
    cli.run("activity", "pause", *which)
    cli.run("activity", "reset", *which, "--keep-paused", "--reset-heartbeats")
    one = pending(workflows, workflow_id)
    assert one["attempt"] == 1 and one["paused"] is True
    cli.run("activity", "reset", "-w", workflow_id, "--activity-type", "always_fails", "--keep-paused")
    cli.run("activity", "reset", *which, "--keep-paused", "--restore-original-options")
    assert said(cli, "reset", "-w", workflow_id, "--match-all", "--keep-paused")  # of a --query only
    assert pending(workflows, workflow_id)["paused"] is True
    cli.run("activity", "unpause", *which)
    until(workflows, workflow_id, lambda one: one["attempt"] == 2, "it failed again")
    cli.run("activity", "reset", *which, "--jitter", "10ms")
    until(workflows, workflow_id, lambda one: one["attempt"] == 2, "and again")
    workflows.text("terminate", workflow_id)


def test_complete_and_fail(cli, workflows):
    workflow_id, which = nobody_polls(workflows)
    cli.run("activity", "complete", *which, "--result", '"by hand"')
    assert workflows.json("result", workflow_id)["result"] == ["ok", "by hand"]
    for verb in (["complete", "--result", "1"], ["fail", "--reason", "r"]):
        assert "workflow execution already completed" in said(cli, *verb, *which)
        assert "not found" in said(cli, *verb, "-w", unique("nobody"), "--activity-id", "1").lower()
    workflow_id = start(workflows, "hang", start_to_close=600, retry={"attempts": 1})
    one = until(workflows, workflow_id, lambda one: one["state"].endswith("STARTED"), "it runs")
    which = ["-w", workflow_id, "--activity-id", one["activityId"]]
    assert said(cli, "complete", *which, "--result", "no json")
    cli.run("activity", "fail", *which, "--reason", "by hand", "--detail", '{"a":1}')
    result = workflows.json("result", workflow_id)["result"]
    assert result[0] == "failed" and result[2] == "by hand" and result[3] == [{"a": 1}]
    assert "ACTIVITY_TASK_FAILED" in workflows.types(workflow_id)
