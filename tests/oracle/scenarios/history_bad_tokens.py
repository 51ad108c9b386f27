"""history_bad_tokens.py - page tokens that are none."""
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.reads import read


def play(x):
    x.start()
    for label, token in {"rubbish": b"rubbish", "JSON": b'{"a":1}', "a zero": b"\0"}.items():
        read(x, label, next_page_token=token)
        x.call("GetWorkflowExecutionHistoryReverse", api.GetWorkflowExecutionHistoryReverseRequest(
            namespace="default", execution=x.execution(), next_page_token=token), label=f"reverse: {label}", show=True)
