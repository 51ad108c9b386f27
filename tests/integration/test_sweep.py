"""test_sweep.py - the last test: every history on the server is legal."""

import pytest
from temporalio.api.enums.v1 import WorkflowExecutionStatus

import history_checker
from harness import all_executions, history_of


@pytest.mark.seconds(280)
async def test_every_history_is_legal(session):
    checked = 0
    async for info in all_executions(session.client):
        run = info.execution
        events = await history_of(session.client, run.workflow_id, run.run_id)
        running = info.status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING
        history_checker.check(
            events, closed=None if running else True, what=f"{run.workflow_id} {run.run_id}"
        )
        checked += 1
    assert checked > 0
