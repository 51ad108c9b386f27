"""time_skipping_off.py - time is skipped nowhere, as by default: starts and changed options that ask for it."""
from google.protobuf.field_mask_pb2 import FieldMask
from kit.runs import signal_with_start
from temporalio.api.common.v1 import TimeSkippingConfig
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from lab import seconds


def play(x):
    for label, config in {"on": TimeSkippingConfig(enabled=True), "empty": TimeSkippingConfig()}.items():
        x.start(label=f"start: {label}", time_skipping_config=config)
        signal_with_start(x, f"signal with start: {label}", time_skipping_config=config)
    x.start(workflow_execution_timeout=seconds(60))
    for label, config in {"on": TimeSkippingConfig(enabled=True), "empty": TimeSkippingConfig(), "none": None}.items():
        x.call("UpdateWorkflowExecutionOptions", api.UpdateWorkflowExecutionOptionsRequest(
            namespace="default", workflow_execution=x.execution(), update_mask=FieldMask(paths=["time_skipping_config"]),
            workflow_execution_options=WorkflowExecutionOptions(time_skipping_config=config)), label=f"options: {label}",
            show=True)
    x.history()
    x.describe()
