"""test_cli_commands.py - every command that the temporal CLI has is known here: tried by a test, refused in words of the
server's, or the CLI's own business. A CLI with more commands fails the first test."""

import importlib
import inspect
import re
import subprocess

import pytest

from harness import CLI, unique

ACTIVITIES, OPERATOR, QUEUES, WORKFLOWS = (
    f"test_cli_{area}" for area in ("activities", "operator", "task_queues", "workflows")
)
TRIED = {  # by which test
    "activity complete": (ACTIVITIES, "test_complete_and_fail"),
    "activity fail": (ACTIVITIES, "test_complete_and_fail"),
    "activity pause": (ACTIVITIES, "test_pause_and_unpause"),
    "activity reset": (ACTIVITIES, "test_reset"),
    "activity unpause": (ACTIVITIES, "test_pause_and_unpause"),
    "activity update-options": (ACTIVITIES, "test_update_options"),
    "batch describe": ("test_batch", "test_the_cli"),
    "batch list": ("test_batch", "test_the_cli"),
    "batch terminate": ("test_batch", "test_the_cli"),
    "operator cluster describe": (OPERATOR, "test_cluster"),
    "operator cluster health": (OPERATOR, "test_cluster"),
    "operator cluster list": (OPERATOR, "test_cluster"),
    "operator cluster remove": (OPERATOR, "test_cluster"),
    "operator cluster system": (OPERATOR, "test_cluster"),
    "operator cluster upsert": (OPERATOR, "test_cluster"),
    "operator namespace create": ("test_cli", "test_namespace_create_and_update"),
    "operator namespace delete": ("test_namespace_deletion", "test_the_cli_deletes"),
    "operator namespace describe": ("test_cli", "test_namespace_list_and_describe"),
    "operator namespace list": ("test_cli", "test_namespace_list_and_describe"),
    "operator namespace update": (OPERATOR, "test_namespace_described_and_updated"),
    "operator search-attribute create": (OPERATOR, "test_search_attributes"),
    "operator search-attribute list": (OPERATOR, "test_search_attributes"),
    "operator search-attribute remove": (OPERATOR, "test_search_attributes"),
    "task-queue config get": (QUEUES, "test_config"),
    "task-queue config set": (QUEUES, "test_config"),
    "task-queue describe": (QUEUES, "test_describe"),
    "task-queue list-partition": (QUEUES, "test_partitions"),
    "worker describe": (QUEUES, "test_workers"),
    "worker list": (QUEUES, "test_workers"),
    "workflow cancel": (WORKFLOWS, "test_result_of_each_end"),
    "workflow count": (WORKFLOWS, "test_list_and_count_forms"),
    "workflow delete": (WORKFLOWS, "test_delete"),
    "workflow describe": (WORKFLOWS, "test_start_with_everything"),
    "workflow execute": (WORKFLOWS, "test_execute_in_all_forms"),
    "workflow execute-update-with-start": ("test_cli", "test_update_with_start"),
    "workflow fix-history-json": (WORKFLOWS, "test_parent_and_trace"),
    "workflow list": (WORKFLOWS, "test_list_and_count_forms"),
    "workflow metadata": (WORKFLOWS, "test_signal_with_start_and_queries"),
    "workflow query": (WORKFLOWS, "test_signal_with_start_and_queries"),
    "workflow reset": (WORKFLOWS, "test_reset"),
    "workflow result": (WORKFLOWS, "test_result_of_each_end"),
    "workflow show": (WORKFLOWS, "test_show"),
    "workflow signal": (WORKFLOWS, "test_signal_with_start_and_queries"),
    "workflow signal-with-start": (WORKFLOWS, "test_signal_with_start_and_queries"),
    "workflow stack": (WORKFLOWS, "test_signal_with_start_and_queries"),
    "workflow start": (WORKFLOWS, "test_start_over_a_running_one"),
    "workflow start-update-with-start": (WORKFLOWS, "test_start_update_with_start"),
    "workflow terminate": (WORKFLOWS, "test_result_of_each_end"),
    "workflow trace": (WORKFLOWS, "test_parent_and_trace"),
    "workflow update describe": ("test_cli", "test_update"),
    "workflow update execute": ("test_cli", "test_update"),
    "workflow update result": ("test_cli", "test_update"),
    "workflow update start": ("test_cli", "test_update"),
    "workflow update-options": (WORKFLOWS, "test_update_options"),
}
OWN = {"config delete", "config delete-profile", "config get", "config list", "config set", "env delete", "env get",
       "env list", "env set", "server start-dev"}  # fmt: skip
NOT_BUILT, SETS, RULES = "not implemented", "v0.1 (Version Set-based", "v0.2 (Rules-based"
VERSION = ["--deployment-name", "d", "--build-id", "b"]
START = ["--interval", "1h", "-w", "x", "--type", "T", "-t", "q"]
REFUSED = {  # the words after it, and what the server says
    "operator nexus endpoint create": (["--name", "a", "--target-namespace", "default", "--target-task-queue", "q"], NOT_BUILT),
    "operator nexus endpoint delete": (["--name", "a"], NOT_BUILT),
    "operator nexus endpoint get": (["--name", "a"], NOT_BUILT),
    "operator nexus endpoint list": ([], NOT_BUILT),
    "operator nexus endpoint update": (["--name", "a", "--description", "x"], NOT_BUILT),
    "schedule backfill": (
        ["-s", "a", "--start-time", "2026-01-01T00:00:00Z", "--end-time", "2026-01-02T00:00:00Z"], NOT_BUILT),
    "schedule create": (["-s", "a", *START], NOT_BUILT),
    "schedule delete": (["-s", "a"], NOT_BUILT),
    "schedule describe": (["-s", "a"], NOT_BUILT),
    "schedule list": ([], NOT_BUILT),
    "schedule toggle": (["-s", "a", "--pause", "--reason", "r"], NOT_BUILT),
    "schedule trigger": (["-s", "a"], NOT_BUILT),
    "schedule update": (["-s", "a", *START], NOT_BUILT),
    "task-queue get-build-id-reachability": (["--build-id", "b"], RULES),
    "task-queue get-build-ids": (["-t", "q"], SETS),
    "task-queue update-build-ids add-new-compatible": (
        ["-t", "q", "--build-id", "a", "--existing-compatible-build-id", "b"], SETS),
    "task-queue update-build-ids add-new-default": (["-t", "q", "--build-id", "a"], SETS),
    "task-queue update-build-ids promote-id-in-set": (["-t", "q", "--build-id", "a"], SETS),
    "task-queue update-build-ids promote-set": (["-t", "q", "--build-id", "a"], SETS),
    "task-queue versioning add-redirect-rule": (
        ["-t", "q", "--source-build-id", "a", "--target-build-id", "b", "--yes"], RULES),
    "task-queue versioning commit-build-id": (["-t", "q", "--build-id", "a", "--yes"], RULES),
    "task-queue versioning delete-assignment-rule": (["-t", "q", "--rule-index", "0", "--yes"], RULES),
    "task-queue versioning delete-redirect-rule": (["-t", "q", "--source-build-id", "a", "--yes"], RULES),
    "task-queue versioning get-rules": (["-t", "q"], RULES),
    "task-queue versioning insert-assignment-rule": (["-t", "q", "--build-id", "a", "--yes"], RULES),
    "task-queue versioning replace-assignment-rule": (
        ["-t", "q", "--build-id", "a", "--rule-index", "0", "--yes"], RULES),
    "task-queue versioning replace-redirect-rule": (
        ["-t", "q", "--source-build-id", "a", "--target-build-id", "b", "--yes"], RULES),
    "worker deployment delete": (["--name", "d"], NOT_BUILT),
    "worker deployment delete-version": (VERSION, NOT_BUILT),
    "worker deployment describe": (["--name", "d"], NOT_BUILT),
    "worker deployment describe-version": (VERSION, NOT_BUILT),
    "worker deployment list": ([], NOT_BUILT),
    "worker deployment manager-identity set": (
        ["--deployment-name", "d", "--manager-identity", "m", "--yes"], NOT_BUILT),
    "worker deployment manager-identity unset": (["--deployment-name", "d", "--yes"], NOT_BUILT),
    "worker deployment set-current-version": ([*VERSION, "--yes"], NOT_BUILT),
    "worker deployment set-ramping-version": ([*VERSION, "--percentage", "5", "--yes"], NOT_BUILT),
    "worker deployment update-metadata-version": ([*VERSION, "--metadata", "a=1"], NOT_BUILT),
}  # fmt: skip
HERE = {"workflow reset with-workflow-update-options"}


def commands(*words):
    """Every command that does something, as its words."""
    said = subprocess.run([CLI, *words, "--help"], capture_output=True, text=True, timeout=20, check=True).stdout
    found = re.search(r"Available Commands:\n(.*?)\n\n", said, re.S)
    names = [line.split()[0] for line in found[1].splitlines()] if found else []
    if not names or words == ("workflow", "reset"):  # which does something itself
        yield " ".join(words)
    for name in names:
        if name not in ("help", "completion"):
            yield from commands(*words, name)


def test_every_command_is_known():
    found = set(commands())
    assert len(found) > 80
    assert found - TRIED.keys() - REFUSED.keys() - OWN - HERE == set()
    for command, (module, name) in TRIED.items():
        test = inspect.getsource(getattr(importlib.import_module(module), name))
        assert f'"{command.split()[-1]}"' in test, f"{module}.{name} does not try {command}"


@pytest.mark.parametrize("command", REFUSED)
def test_what_is_not_built_says_so(cli, command):
    words, said = REFUSED[command]
    assert said in cli.run(*command.split(), *words, ok=False)


def test_a_reset_with_other_options(cli):
    workflow_id = unique("reset")
    cli.run("workflow", "start", "--type", "Any", "-t", unique("nobody"), "-w", workflow_id)
    refused = cli.run(
        "workflow", "reset", "with-workflow-update-options", "-w", workflow_id, "-e", "3", "--reason", "r",
        "--versioning-override-behavior", "auto_upgrade", ok=False,
    )  # fmt: skip
    assert "Workflow task finish ID must be > 1 && <= workflow last event ID" in refused
    cli.run("workflow", "terminate", "-w", workflow_id)
