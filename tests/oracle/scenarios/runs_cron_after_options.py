"""runs_cron_after_options.py - an operator changes the priority of one run of a schedule, and of one that is tried again."""
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api import workflowservice
from temporalio.api.common.v1 import Priority, RetryPolicy
from temporalio.api.workflow.v1 import WorkflowExecutionOptions

from kit.basic import anew
from kit.retry import FAIL, app, early_in_a_second, follow
from lab import command, seconds


def change(x, key):
    x.call("UpdateWorkflowExecutionOptions", workflowservice.v1.UpdateWorkflowExecutionOptionsRequest(
        namespace="default", workflow_execution=x.execution(), identity="operator",
        workflow_execution_options=WorkflowExecutionOptions(priority=Priority(priority_key=key)),
        update_mask=FieldMask(paths=["priority"])), label=f"to {key}", show=True)


def play(x):
    early_in_a_second()
    x.start(cron_schedule="@every 2s", priority=Priority(priority_key=4, fairness_key="a"))
    change(x, 2)
    x.complete(x.poll(show=True), command("complete_workflow_execution"))
    follow(x)
    x.describe()
    x.poll(show=True)
    x.terminate()
    x.history("of the next run")

    anew(x, retry_policy=RetryPolicy(initial_interval=seconds(1), maximum_attempts=2))
    change(x, 5)
    x.complete(x.poll(show=True), command(FAIL, failure=app()))
    follow(x)
    x.describe()
    x.complete(x.poll(show=True), command(FAIL, failure=app()))
    x.history("of the second attempt")
