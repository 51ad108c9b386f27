"""command_bad_sizes.py - commands whose payloads are too large end the run, or fail the task."""
from temporalio.api.common.v1 import Memo, Payload, WorkflowExecution, WorkflowType
from temporalio.api.failure.v1 import Failure
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.activity import activity
from kit.basic import each
from kit.reads import json_value
from lab import command, payloads


def play(x):
    big, queue = payloads("x" * 2200000), TaskQueue(name=x.queue)
    memo = Memo(fields={"m": Payload(data=b"x" * 2200000)})
    kind, wf = WorkflowType(name="t"), WorkflowExecution(workflow_id="w")
    each(x, {
        "activity input": activity(x, input=big), "marker": command("record_marker", marker_name="m", details={"d": big}),
        "child memo": command("start_child_workflow_execution", workflow_id="c", workflow_type=kind, memo=memo),
        "child input": command("start_child_workflow_execution", workflow_id="c", workflow_type=kind, input=big),
        "signal": command("signal_external_workflow_execution", signal_name="s", execution=wf, input=big),
        "next run's input": command("continue_as_new_workflow_execution", workflow_type=kind, task_queue=queue, input=big),
        "next run's memo": command("continue_as_new_workflow_execution", workflow_type=kind, task_queue=queue, memo=memo),
        "memo": command("modify_workflow_properties", upserted_memo=memo),
        "failure": command("fail_workflow_execution", failure=Failure(message="x" * 2200000)),
        "attribute": command("upsert_workflow_search_attributes", search_attributes={
            "indexed_fields": {"BatcherUser": json_value(b'"' + b"x" * 2100 + b'"')}}),
    })
