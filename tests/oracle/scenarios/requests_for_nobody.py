"""requests_for_nobody.py - requests that name no workflow, an unknown one, or wrong ids."""
import uuid

from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.reads import read


def ask(x, label, execution):
    read(x, f"history: {label}", execution=execution)
    for method, field in (("GetWorkflowExecutionHistoryReverse", "execution"), ("DescribeWorkflowExecution", "execution"),
                          ("ResetStickyTaskQueue", "execution"), ("TerminateWorkflowExecution", "workflow_execution"),
                          ("DeleteWorkflowExecution", "workflow_execution")):
        x.call(method, getattr(api, method + "Request")(namespace="default", **{field: execution}),
               label=f"{method}: {label}", show=True)
    x.call("QueryWorkflow", api.QueryWorkflowRequest(namespace="default", execution=execution,
                                                     query=WorkflowQuery(query_type="q")), label=f"query: {label}")
    x.signal(label=f"signal: {label}", execution=execution)
    x.cancel(label=f"cancel: {label}", execution=execution)


def play(x):
    x.start()
    for label, execution in {
            "no execution": None, "no id": {"workflow_id": ""}, "bad run": {"workflow_id": x.workflow_id, "run_id": "xx"},
            "unknown id": {"workflow_id": "nobody"},
            "unknown run": {"workflow_id": x.workflow_id, "run_id": str(uuid.UUID(int=5))},
            "long id": {"workflow_id": "w" * 1001}}.items():
        ask(x, label, execution)
    x.outline()
