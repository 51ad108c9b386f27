"""reads.py - histories read in every way."""
from temporalio.api.common.v1 import Payload
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def json_value(data, **metadata):
    """A payload of JSON, as search attributes and memo fields are."""
    return Payload(metadata={"encoding": b"json/plain", **{k: v.encode() for k, v in metadata.items()}}, data=data)


def read(x, label, timeout=10.0, **more):
    """One page as an SDK gets it: with the task of a further attempt, which is not written."""
    more.setdefault("execution", x.execution())
    return x.call("GetWorkflowExecutionHistory", api.GetWorkflowExecutionHistoryRequest(namespace="default", **more),
                  timeout, label, True)


def whole(x, label, method="GetWorkflowExecutionHistory", **more):
    """All pages joined: the events' ids. Where a page ends is the server's affair."""
    ids, token = [], b""
    for _ in range(100):
        page = x.call(method, getattr(api, method + "Request")(
            namespace="default", execution=x.execution(), next_page_token=token, **more), raises=True)
        ids += [event.event_id for event in page.history.events]
        token = page.next_page_token
        if not token:
            break
    x.say(f"== {label}: {ids}")
