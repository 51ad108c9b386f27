"""query_bad.py - queries that are refused."""
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from lab import payloads


def play(x):
    x.start()
    x.complete(x.poll())
    cases = {"no query": dict(query=None), "no type": dict(query=WorkflowQuery()), "no namespace": dict(namespace=""),
             "big arguments": dict(query=WorkflowQuery(query_type="q", query_args=payloads("x" * 2200000)))}
    for label, more in cases.items():
        request = dict(namespace="default", execution=x.execution(), query=WorkflowQuery(query_type="q"))
        x.call("QueryWorkflow", api.QueryWorkflowRequest(**{**request, **more}), 3.0, label, True)
