"""query.py - answers to queries."""
from temporalio.api.enums.v1 import QueryResultType
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

ANSWERED = QueryResultType.QUERY_RESULT_TYPE_ANSWERED
FAILED = QueryResultType.QUERY_RESULT_TYPE_FAILED


def answer(x, task, kind=ANSWERED, label="answer query", **more):
    return x.call("RespondQueryTaskCompleted", api.RespondQueryTaskCompletedRequest(
        namespace="default", task_token=task.task_token, completed_type=kind, **more), label=label)
