"""query_after_continue.py - queries of a chain: of the run that continued, of none, with each condition."""
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import QueryRejectCondition
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.chain import KIND, follow
from kit.query import answer
from lab import command, payloads


def play(x):
    x.start()
    first = x.run_id
    x.complete(x.poll(), command(KIND))
    follow(x)
    x.complete(x.poll())

    def ask(label, run_id, condition=None, task=True, execution=None):
        asking = x.behind(lambda: x.call("QueryWorkflow", api.QueryWorkflowRequest(
            namespace="default", execution=execution or WorkflowExecution(workflow_id=x.workflow_id, run_id=run_id),
            query=WorkflowQuery(query_type="q"),
            query_reject_condition=condition and QueryRejectCondition.Value("QUERY_REJECT_CONDITION_" + condition)),
            10, label, True))
        if task:
            answer(x, x.poll(show=True, label=f"task: {label}"), query_result=payloads(label))
        asking.join(12)

    ask("current", "")
    ask("current, if open", "", "NOT_OPEN")
    ask("first", first)
    ask("first, if open", first, "NOT_OPEN", task=False)
    ask("first, if clean", first, "NOT_COMPLETED_CLEANLY", task=False)
    ask("first, whatever it is", first, "NONE")
    x.terminate()
    ask("terminated, if clean", "", "NOT_COMPLETED_CLEANLY", task=False)
