"""batch_refused.py - batch operations that may not be started, stopped or shown."""
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.batch.v1 import message_pb2 as batch
from temporalio.api.common.v1 import ResetOptions
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.batches import request

TERMINATE = {"termination_operation": batch.BatchOperationTermination()}
OPERATIONS = {
    "signal without a name": {"signal_operation": batch.BatchOperationSignal()},
    "reset without anything": {"reset_operation": batch.BatchOperationReset()},
    "reset of an unknown type": {"reset_operation": batch.BatchOperationReset(reset_type=9)},
    "reset without a target": {"reset_operation": batch.BatchOperationReset(options=ResetOptions())},
    "options without options": {
        "update_workflow_options_operation": batch.BatchOperationUpdateWorkflowExecutionOptions()},
    "options without a mask": {
        "update_workflow_options_operation": batch.BatchOperationUpdateWorkflowExecutionOptions(
            workflow_execution_options=WorkflowExecutionOptions())},
    "unpause nothing": {"unpause_activities_operation": batch.BatchOperationUnpauseActivities()},
    "unpause no type": {"unpause_activities_operation": batch.BatchOperationUnpauseActivities(type="")},
    "unpause not all": {"unpause_activities_operation": batch.BatchOperationUnpauseActivities(match_all=False)},
    "reset no activities": {"reset_activities_operation": batch.BatchOperationResetActivities()},
    "reset activities of no type": {"reset_activities_operation": batch.BatchOperationResetActivities(type="")},
    "reset not all": {"reset_activities_operation": batch.BatchOperationResetActivities(match_all=False)},
    "update no activities": {"update_activity_options_operation": batch.BatchOperationUpdateActivityOptions()},
    "update and restore": {
        "update_activity_options_operation": batch.BatchOperationUpdateActivityOptions(
            type="t", restore_original=True, activity_options=ActivityOptions(),
            update_mask=FieldMask(paths=["priority"]))},
    "update no type": {
        "update_activity_options_operation": batch.BatchOperationUpdateActivityOptions(
            type="", restore_original=True)},
}


def play(x):
    def refused(label, *words, **more):
        x.call("StartBatchOperation", request(x, *words, **more), label=label, show=True)

    x.start()
    refused("no operation", "WorkflowId = 'x'")
    refused("no target", **TERMINATE)
    refused("no reason", "WorkflowId = 'x'", reason="", **TERMINATE)
    refused("two targets", "WorkflowId = 'x'", targets=[None], **TERMINATE)
    without_id = request(x, targets=[None], **TERMINATE)
    without_id.job_id = ""
    x.call("StartBatchOperation", without_id, label="no job id")
    for label, operation in OPERATIONS.items():
        refused(label, targets=[None], **operation)

    nobody = {"namespace": "default", "job_id": "no-such-job-there"}
    x.call("DescribeBatchOperation", api.DescribeBatchOperationRequest(**nobody), label="describe nothing", show=True)
    x.call("DescribeBatchOperation", api.DescribeBatchOperationRequest(namespace="default"), label="describe no id")
    x.call("StopBatchOperation", api.StopBatchOperationRequest(reason="r", **nobody), label="stop nothing", show=True)
    x.call("StopBatchOperation", api.StopBatchOperationRequest(**nobody), label="stop without a reason")
    x.call("StopBatchOperation", api.StopBatchOperationRequest(namespace="default", reason="r"), label="stop no id")
    x.terminate()
