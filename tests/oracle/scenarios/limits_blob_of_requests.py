"""limits_blob_of_requests.py - payloads of requests at the limit and one byte past it."""
from temporalio.api.common.v1 import Header, Memo, Payload
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit import limited
from kit.limited import sized
from kit.runs import signal_with_start

SETTINGS = limited.PAYLOADS


def memo(size):
    made = Memo(fields={"m": Payload(data=b"x" * size)})
    return Memo(fields={"m": Payload(data=b"x" * (2 * size - made.ByteSize()))})


def play(x):
    x.start(label="input of 1001", input=sized(1001))
    x.start(label="memo of 601", memo=memo(601))
    signal_with_start(x, "signal with start, input of 1001", input=sized(1001))
    signal_with_start(x, "signal with start, signal of 1001", signal_input=sized(1001))
    x.start(label="header of 1001", header=Header(fields={"h": Payload(data=b"x" * 1001)}))
    x.terminate(label="terminate")
    x.start(label="all at the limit", input=sized(1000), memo=memo(600))
    x.signal(label="signal of 1000", input=sized(1000))
    x.signal(label="signal of 1001", input=sized(1001))
    x.terminate(label="terminate with 1001", details=sized(1001))
    x.call("QueryWorkflow", api.QueryWorkflowRequest(
        namespace="default", execution=x.execution(), query={"query_type": "q", "query_args": sized(1001)}),
           label="query of 1001")
    x.outline()
    x.terminate(label="terminate with 1000", details=sized(1000))
    x.outline()
