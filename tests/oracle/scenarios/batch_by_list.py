"""batch_by_list.py - a workflow that is named is signaled, canceled and terminated by jobs."""
from temporalio.api.batch.v1 import message_pb2 as batch
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit import batches
from lab import payloads

SETTINGS = batches.SETTINGS


def play(x):
    x.start()
    nobody = WorkflowExecution(workflow_id="nobody-there")
    signal = batch.BatchOperationSignal(signal="hello", input=payloads("a"), identity="me")
    batches.run(x, "signal", targets=[None, nobody], signal_operation=signal)
    cancel = batch.BatchOperationCancellation(identity="me")
    batches.run(x, "cancel", targets=[None], cancellation_operation=cancel)
    termination = batch.BatchOperationTermination(identity="me", details=payloads("d"))
    job = batches.run(x, "terminate", targets=[None], termination_operation=termination)
    x.outline()
    batches.start(x, "the same job again", targets=[None], job=job, termination_operation=termination)
    stop = api.StopBatchOperationRequest(namespace="default", job_id=job, reason="late")
    x.call("StopBatchOperation", stop, label="stop what is over")
