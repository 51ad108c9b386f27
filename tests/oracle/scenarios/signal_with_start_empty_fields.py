"""signal_with_start_empty_fields.py - a start by a signal with fields that are there and empty."""
from temporalio.api.common.v1 import Header, Memo, Payloads, Priority, SearchAttributes, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.basic import end
from lab import seconds


def play(x):
    x.call("SignalWithStartWorkflowExecution", api.SignalWithStartWorkflowExecutionRequest(
        namespace="default", workflow_id=x.workflow_id, workflow_type=WorkflowType(name="kind"),
        task_queue=TaskQueue(name=x.queue), signal_name="s", signal_input=Payloads(), input=Payloads(),
        request_id="one", workflow_execution_timeout=seconds(0), workflow_run_timeout=seconds(0),
        workflow_task_timeout=seconds(0), header=Header(), memo=Memo(), search_attributes=SearchAttributes(),
        priority=Priority(), workflow_start_delay=seconds(0)), show=True)
    end(x)
