"""bad_run_ids.py - requests that name a run by what is no run id: what is looked at first, and the words of each."""
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def play(x):
    x.start()

    def ask(method, **fields):
        x.call(method, getattr(api, method + "Request")(namespace="default", **fields), label=method)

    bad = WorkflowExecution(workflow_id=x.workflow_id, run_id="bad")
    for method in ("PauseActivity", "UnpauseActivity", "ResetActivity", "UpdateActivityOptions"):
        ask(method, execution=bad, id="1")
        ask(method, execution=bad)
    for method in ("RespondActivityTaskCompletedById", "RespondActivityTaskFailedById",
                   "RespondActivityTaskCanceledById", "RecordActivityTaskHeartbeatById"):
        ask(method, workflow_id=x.workflow_id, run_id="bad", activity_id="1")
        ask(method, workflow_id=x.workflow_id, run_id="bad")
        ask(method, run_id="bad", activity_id="1")
    options = dict(workflow_execution_options=WorkflowExecutionOptions(), update_mask=FieldMask(paths=["priority"]))
    ask("UpdateWorkflowExecutionOptions", **options)
    ask("UpdateWorkflowExecutionOptions", workflow_execution=bad)
    ask("UpdateWorkflowExecutionOptions", workflow_execution=bad, update_mask=FieldMask(paths=["nope"]),
        workflow_execution_options=WorkflowExecutionOptions())
    ask("UpdateWorkflowExecutionOptions", workflow_execution=bad, **options)
    for method, field in (("SignalWorkflowExecution", "workflow_execution"), ("QueryWorkflow", "execution"),
                          ("TerminateWorkflowExecution", "workflow_execution"),
                          ("RequestCancelWorkflowExecution", "workflow_execution"),
                          ("ResetWorkflowExecution", "workflow_execution"),
                          ("DeleteWorkflowExecution", "workflow_execution"), ("DescribeWorkflowExecution", "execution"),
                          ("GetWorkflowExecutionHistory", "execution")):
        ask(method, **{field: bad})
    x.terminate()
