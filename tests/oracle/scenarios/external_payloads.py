"""external_payloads.py - how much of payloads lies elsewhere: counted in events, described, listed when closed; reset, next run."""
from temporalio.api.common.v1 import Header, Memo, Payload, Payloads, SearchAttributes
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.sdk.v1 import UserMetadata
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.activity import activity, application
from kit.basic import TEXT, end
from kit.reset import reset
from lab import command


def one(*sizes, data=b'"x"', **metadata):
    return Payload(metadata={"encoding": b"json/plain", **metadata}, data=data,
                   external_payloads=[Payload.ExternalPayloadDetails(size_bytes=size) for size in sizes])


def some(*sizes):
    return Payloads(payloads=[one(*sizes)])


def listed(x, label):
    x.listed(label, status=WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED)
    for query in ("TemporalExternalPayloadCount > 1", "TemporalExternalPayloadSizeBytes < 100"):
        request = api.ListWorkflowExecutionsRequest(namespace="default", query=f'WorkflowId = "{x.workflow_id}" AND {query}')
        x.call("ListWorkflowExecutions", request, label=f"{label}: {query}", show=True)


def play(x):
    x.start(input=Payloads(payloads=[one(1000, 24), one()]), memo=Memo(fields={"m": TEXT}),
            header=Header(fields={"h": one(0)}),
            user_metadata=UserMetadata(summary=one(5)),
            search_attributes=SearchAttributes(indexed_fields={"BatcherUser": TEXT}))
    x.describe("started")
    marker = command("record_marker", marker_name="m", details={"d": some(11)})
    marker.user_metadata.CopyFrom(UserMetadata(details=one(9)))
    x.complete(x.poll(), activity(x, input=some(100)), marker)
    x.fail_activity(x.poll_activity(), application(details=some(200), non_retryable=True))
    x.describe("an activity failed")
    x.signal("s", input=some(300))
    x.complete(x.poll())
    x.describe("signalled")
    reset(x, 4)
    x.describe("reset before the activity")
    x.complete(x.poll(), command("continue_as_new_workflow_execution", input=some(400)))
    x.run_id = x.events()[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    x.describe("continued")
    end(x)
    listed(x, "closed")
