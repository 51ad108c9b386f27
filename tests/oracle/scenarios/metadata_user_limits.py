"""metadata_user_limits.py - user metadata that is too large, in starts, updates, signals with start and commands."""
from temporalio.api.common.v1 import Payload, WorkflowType
from temporalio.api.sdk.v1 import UserMetadata
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.activity import activity
from kit.basic import TEXT, anew
from lab import command, seconds


def of(n):
    return Payload(metadata={"encoding": b"json/plain"}, data=b'"' + b"x" * n + b'"')


def play(x):
    cases = {"large summary": UserMetadata(summary=of(500)), "large details": UserMetadata(details=of(21000)),
             "both fit": UserMetadata(summary=of(300), details=of(19000))}
    for label, given in cases.items():
        x.start(label=label, workflow_id=f"{x.workflow_id}-{label}", user_metadata=given)
        x.call("SignalWithStartWorkflowExecution", api.SignalWithStartWorkflowExecutionRequest(
            namespace="default", workflow_id=f"{x.workflow_id}-s-{label}", workflow_type=WorkflowType(name="t"),
            task_queue=TaskQueue(name=x.queue + "-s"), signal_name="s", user_metadata=given),
            label=f"signal with start: {label}")
    for label, given in cases.items():
        anew(x)
        x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60), user_metadata=given),
                   label=f"timer: {label}")
        x.outline()
        made = activity(x)
        made.user_metadata.CopyFrom(given)
        anew(x)
        made.schedule_activity_task_command_attributes.task_queue.name = x.queue
        x.complete(x.poll(), made, command("record_marker", marker_name="m", user_metadata=UserMetadata(summary=TEXT)),
                   label=f"activity: {label}")
        x.outline()
