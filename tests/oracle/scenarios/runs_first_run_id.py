"""runs_first_run_id.py - signals, cancellation and termination guarded by the chain's first run id."""
import uuid

from kit.runs import follow
from lab import command
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def play(x):
    x.start()
    first = x.run_id
    x.complete(x.poll(), command("continue_as_new_workflow_execution"))
    follow(x)
    current = x.execution(run_id="")
    for label, chain in (("another chain", str(uuid.uuid4())), ("no id", "rubbish"), ("this chain", first)):
        x.call("RequestCancelWorkflowExecution", api.RequestCancelWorkflowExecutionRequest(
            namespace="default", workflow_execution=current, first_execution_run_id=chain, identity="client",
            request_id=str(uuid.uuid4())), label=f"cancel, {label}", show=True)
        x.call("TerminateWorkflowExecution", api.TerminateWorkflowExecutionRequest(
            namespace="default", workflow_execution=current, first_execution_run_id=chain, identity="client"),
            label=f"terminate, {label}", show=True)
    x.history()
    x.signal(execution=x.execution(run_id=first), label="signal to the first run")
    x.cancel(execution=x.execution(run_id=first), label="cancel of the first run")
