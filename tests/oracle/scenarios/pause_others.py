"""pause_others.py - queries, updates, cancellations, starts and resets of a paused workflow."""
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.basic import anew
from kit.pause import SETTINGS, pause, unpause  # noqa: F401 the runner reads SETTINGS
from kit.runs import signal_with_start
from kit.updates import idle, update

FAIL, USE, TERMINATE = (WorkflowIdConflictPolicy.Value("WORKFLOW_ID_CONFLICT_POLICY_" + name)
                        for name in ("FAIL", "USE_EXISTING", "TERMINATE_EXISTING"))


def play(x):
    idle(x)
    pause(x)
    x.query()
    x.call("QueryWorkflow", api.QueryWorkflowRequest(
        namespace="default", execution=x.execution(), query=WorkflowQuery(query_type="q"), query_reject_condition=2),
        label="query, rejected when not open", show=True)
    update(x)
    signal_with_start(x, "signal with start")
    first = x.run_id
    x.start(label="start: fail", workflow_id_conflict_policy=FAIL, show=True)
    x.start(label="start: use existing", workflow_id_conflict_policy=USE, show=True)
    x.start(label="start: terminate existing", workflow_id_conflict_policy=TERMINATE, show=True)
    x.run_id, second = first, x.run_id
    x.history("history: terminated by a start")
    x.run_id = second
    x.terminate(label="terminate the second")
    anew(x)
    x.complete(x.poll())
    pause(x)
    x.cancel(reason="c")
    x.describe("describe: cancel requested")
    x.call("ResetStickyTaskQueue", api.ResetStickyTaskQueueRequest(namespace="default", execution=x.execution()),
           label="reset sticky", show=True)
    unpause(x)
    x.poll(show=True)
    x.terminate()
    x.history("history: cancel requested")
