"""update_with_start_bad_requests.py - multi-operations that a server must refuse, with a status for each operation."""
import uuid

from kit.updates import request, start_request
from lab import seconds
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy as Conflict
from temporalio.api.enums.v1 import WorkflowIdReusePolicy as Reuse
from temporalio.api.update.v1 import WaitPolicy
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

Operation = api.ExecuteMultiOperationRequest.Operation


def play(x):
    start = lambda **more: Operation(start_workflow=start_request(x, **more))

    def update(**more):
        asked = request(x, execution=WorkflowExecution(workflow_id=x.workflow_id))
        for name, value in more.items():
            if hasattr(value, "ListFields"):
                getattr(asked, name).CopyFrom(value)
            else:
                setattr(asked, name, value)
        return Operation(update_workflow=asked)

    def bare(name):
        operation = update()
        getattr(operation.update_workflow.request, name).Clear()
        operation.update_workflow.request.ClearField(name)
        return operation

    ask = lambda label, *operations: x.call("ExecuteMultiOperation", api.ExecuteMultiOperationRequest(
        namespace="default", operations=operations), label=label)
    ask("no operations")
    ask("one operation", start())
    ask("three operations", start(), update(), update())
    ask("two starts", start(), start())
    ask("update first", update(), start())
    ask("empty operations", Operation(), Operation())
    ask("different workflow ids", start(workflow_id="other-" + x.workflow_id), update())
    ask("start without workflow id", start(workflow_id=""), update())
    ask("both wrong", start(workflow_id=""), bare("meta"))
    ask("start of another namespace", start(namespace="other"), update())
    ask("update of another namespace", start(), update(namespace="other"))
    ask("no namespaces", start(namespace="", workflow_id=""), update(namespace=""))
    ask("cron", start(cron_schedule="* * * * *"), update())
    ask("eager", start(request_eager_execution=True), update())
    ask("delay", start(workflow_start_delay=seconds(1)), update())
    ask("run id", start(), update(workflow_execution=WorkflowExecution(workflow_id=x.workflow_id, run_id=str(uuid.uuid4()))))
    ask("first run id", start(), update(first_execution_run_id="x"))
    ask("no meta", start(), bare("meta"))
    ask("no input", start(), bare("input"))
    ask("wait for admitted", start(), update(wait_policy=WaitPolicy(lifecycle_stage=1)))
    ask("policies that exclude each other", start(
        workflow_id_conflict_policy=Conflict.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING,
        workflow_id_reuse_policy=Reuse.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE), update())
    ask("no workflow type", start(workflow_type=None), update())
