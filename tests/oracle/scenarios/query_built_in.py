"""query_built_in.py - queries that SDKs answer by themselves pass through, as do headers and arguments."""
from temporalio.api.common.v1 import Header
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.basic import TEXT
from kit.query import answer
from lab import payloads


def play(x):
    x.start()
    x.complete(x.poll())
    for kind in ("__stack_trace", "__open_sessions", "__temporal_workflow_metadata", "__enhanced_stack_trace"):
        asking = x.behind(x.query, kind, label=kind)
        answer(x, x.poll(show=True, label=f"task: {kind}"), query_result=payloads("s"))
        asking.join(10)
    asking = x.behind(x.call, "QueryWorkflow", api.QueryWorkflowRequest(
        namespace="default", execution=x.execution(run_id=""),
        query=WorkflowQuery(query_type="q", header=Header(fields={"h": TEXT}), query_args=payloads("1", "2"))), 10.0, "query", True)
    answer(x, x.poll(show=True), query_result=payloads("a"))
    asking.join(10)
