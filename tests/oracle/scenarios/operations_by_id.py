"""operations_by_id.py - activities answered by their id: waiting, backing off, started, paused, unknown."""
from temporalio.api.common.v1 import RetryPolicy
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.activity import application
from kit.basic import end
from kit.operations import activities, pause
from lab import payloads, seconds


def by_id(x, method, activity_id, label, **more):
    request = getattr(api, method + "ByIdRequest")(namespace="default", workflow_id=x.workflow_id,
                                                   activity_id=activity_id, identity="by-id", **more)
    x.call(method + "ById", request, label=f"{label}: {method}", show=True)


def all_of(x, activity_id, label):
    by_id(x, "RecordActivityTaskHeartbeat", activity_id, label, details=payloads("h"))
    by_id(x, "RespondActivityTaskCanceled", activity_id, label)
    by_id(x, "RespondActivityTaskFailed", activity_id, label, failure=application("by id"))


def play(x):
    activities(x, retry_policy=RetryPolicy(initial_interval=seconds(9)))
    all_of(x, "nope", "unknown")
    all_of(x, "a", "waiting")
    task = x.poll_activity()
    all_of(x, "a", "started")
    x.describe("fails by id")
    all_of(x, "a", "backing off")
    x.heartbeat(task, "the token of the attempt before")
    pause(x, id="a")
    all_of(x, "a", "paused")
    by_id(x, "RespondActivityTaskCompleted", "a", "paused", result=payloads("r"))
    end(x)
    all_of(x, "a", "closed")
