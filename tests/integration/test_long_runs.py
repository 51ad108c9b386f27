"""test_long_runs.py - a run with all the signals that it takes; its history read while history dies; resets by the CLI
of a chain of runs."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from temporalio.api.common.v1 import WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import EventType, WorkflowExecutionStatus
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest, SignalWorkflowExecutionRequest

import harness
from limits import Limited, command, refused

SIGNALS = 10_000  # history.maximumSignalsPerExecution
AT_A_TIME = 50


@pytest.fixture(scope="module")
def limited():
    limited = Limited()
    yield limited
    limited.stop()


def signal(space, workflow_id):
    return space.call(
        "SignalWorkflowExecution",
        SignalWorkflowExecutionRequest(
            namespace=space.name,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            signal_name="s",
            request_id=harness.unique("r"),
        ),
    )


def test_all_signals_and_their_pages_while_history_dies(limited):
    space, workflow_id = limited.namespace(), harness.unique("w")
    space.start(workflow_id)
    with ThreadPoolExecutor(AT_A_TIME) as threads:
        list(threads.map(lambda _: signal(space, workflow_id), range(SIGNALS)))
    why = refused(signal, space, workflow_id)
    assert (why.code, why.text) == ("INVALID_ARGUMENT", "exceeded workflow execution limit for signal events")

    request = GetWorkflowExecutionHistoryRequest(
        namespace=space.name, execution=WorkflowExecution(workflow_id=workflow_id)
    )
    events, cluster = [], limited.cluster
    while True:
        answer = space.call("GetWorkflowExecutionHistory", request)
        events += answer.history.events
        if not answer.next_page_token:
            break
        request.next_page_token = answer.next_page_token
        if 2_000 < len(events) <= 2_256:
            pid = cluster.kill("history")
            cluster.wait_restarted("history", pid)
    assert [e.event_id for e in events] == list(range(1, SIGNALS + 3))
    signaled = [e for e in events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED]
    assert len({e.workflow_execution_signaled_event_attributes.request_id for e in signaled}) == SIGNALS
    # A run that was read from its rows knows how many there were.
    assert refused(signal, space, workflow_id).text == "exceeded workflow execution limit for signal events"


def test_the_cli_resets_to_where_a_run_continued(limited):
    space, workflow_id = limited.namespace(), harness.unique("w")
    space.queue = harness.unique("q")
    first = space.start(workflow_id).run_id
    again = command(
        "continue_as_new_workflow_execution",
        workflow_type=WorkflowType(name="Limited"),
        task_queue=TaskQueue(name=space.queue),
    )
    space.complete(space.poll(), again)
    task = space.poll()
    second = task.workflow_execution.run_id
    space.complete(task, command("start_timer", timer_id="t", start_to_fire_timeout={"seconds": 3600}))

    cli = harness.Cli(limited.cluster.address)
    which = ["--namespace", space.name, "-w", workflow_id, "--reason", "why"]
    cli.run("workflow", "reset", *which, "--type", "LastContinuedAsNew")
    task = space.poll()
    third = task.workflow_execution.run_id
    assert third not in (first, second)
    types = [EventType.Name(e.event_type).removeprefix("EVENT_TYPE_") for e in task.history.events]
    assert types == [
        "WORKFLOW_EXECUTION_STARTED",
        "WORKFLOW_TASK_SCHEDULED",
        "WORKFLOW_TASK_STARTED",
        "WORKFLOW_TASK_FAILED",
        "WORKFLOW_TASK_SCHEDULED",
        "WORKFLOW_TASK_STARTED",
    ]
    failed = task.history.events[3].workflow_task_failed_event_attributes
    assert (failed.base_run_id, failed.new_run_id) == (first, third)
    info = space.describe(workflow_id).workflow_execution_info
    assert (info.execution.run_id, info.first_run_id) == (third, first)
    request = GetWorkflowExecutionHistoryRequest(
        namespace=space.name, execution=WorkflowExecution(workflow_id=workflow_id, run_id=second)
    )
    last = space.call("GetWorkflowExecutionHistory", request).history.events[-1]
    assert last.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED

    # From there by number, and to the last task of the run that the reset made.
    space.complete(task, command("start_timer", timer_id="t", start_to_fire_timeout={"seconds": 3600}))
    cli.run("workflow", "reset", *which, "--event-id", "7", "--reapply-exclude", "All")
    task = space.poll()
    fourth = task.workflow_execution.run_id
    space.complete(task, command("complete_workflow_execution"))
    cli.run("workflow", "reset", *which, "--type", "LastWorkflowTask", "-r", fourth)
    task = space.poll()
    assert task.workflow_execution.run_id not in (first, second, third, fourth)
    space.complete(task, command("complete_workflow_execution"))
    status = space.describe(workflow_id).workflow_execution_info.status
    assert status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED
