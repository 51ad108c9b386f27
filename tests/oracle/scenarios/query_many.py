"""query_many.py - more queries than a run may buffer."""
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def play(x):
    x.start()
    x.complete(x.poll())
    x.signal()
    asking = [x.behind(x.call, "QueryWorkflow", api.QueryWorkflowRequest(
        namespace="default", execution=x.execution(), query={"query_type": "q"}), 4.0, "one of many") for _ in range(12)]
    for thread in asking:
        thread.join(15)
    x.lines.sort()
