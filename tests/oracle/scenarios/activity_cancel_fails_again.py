"""activity_cancel_fails_again.py - what a canceled activity may say: failed to be tried again, by id, with details."""
from temporalio.api.common.v1 import RetryPolicy
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.activity import activity
from kit.basic import end
from lab import command, payloads, seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, retry_policy=RetryPolicy(initial_interval=seconds(0.1))), activity(x, "b"))
    by_id = {t.activity_id: t for t in (x.poll_activity(), x.poll_activity())}
    x.signal()
    x.complete(x.poll(), command("request_cancel_activity_task", scheduled_event_id=5),
               command("request_cancel_activity_task", scheduled_event_id=6))
    x.describe("both are asked")
    x.call("RecordActivityTaskHeartbeatById", api.RecordActivityTaskHeartbeatByIdRequest(
        namespace="default", workflow_id=x.workflow_id, activity_id="a", details=payloads("h")), show=True)
    x.call("RespondActivityTaskCanceledById", api.RespondActivityTaskCanceledByIdRequest(
        namespace="default", workflow_id=x.workflow_id, activity_id="a", details=payloads("by id"), identity="who"))
    x.complete_activity(by_id["b"], result=payloads("r"))
    x.complete(x.poll(), command("request_cancel_activity_task", scheduled_event_id=5), label="canceled again")
    x.outline()
    end(x)
