"""activity_by_id_of_the_next_run.py - by-id calls without a run id after a continue-as-new, and with the first run's."""
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.activity import activity, application
from kit.chain import KIND, follow
from lab import command, payloads


def by_id(x, method, label, **more):
    fields = dict(namespace="default", workflow_id=x.workflow_id, activity_id="a", identity="by-id")
    return x.call(method + "ById", getattr(api, method + "ByIdRequest")(**{**fields, **more}), label=f"{label}: {method}",
                  show=True)


def play(x):
    x.start()
    first = x.run_id
    x.complete(x.poll(), activity(x), force_create_new_workflow_task=True)
    old = x.poll_activity()
    x.complete(x.poll(), command(KIND))
    follow(x)
    by_id(x, "RespondActivityTaskCompleted", "the next run has none")
    x.complete(x.poll(), activity(x))
    x.complete_activity(old, label="by the token of the first run")
    by_id(x, "RecordActivityTaskHeartbeat", "of the first run", run_id=first)
    by_id(x, "RespondActivityTaskFailed", "of the first run", run_id=first, failure=application())
    by_id(x, "RecordActivityTaskHeartbeat", "nobody has it", details=payloads("h"))
    x.poll_activity()
    by_id(x, "RecordActivityTaskHeartbeat", "it runs", details=payloads("h"))
    by_id(x, "RespondActivityTaskFailed", "it runs", failure=application(non_retryable=True),
          last_heartbeat_details=payloads("last"))
    by_id(x, "RespondActivityTaskCompleted", "no id", activity_id="")
    by_id(x, "RespondActivityTaskCompleted", "no workflow", workflow_id="nobody")
    x.history()
