"""query_closed.py - queries of a completed workflow, and the reject conditions."""
from temporalio.api.enums.v1 import QueryRejectCondition

from kit.query import answer
from lab import command, payloads


def play(x):
    x.start()
    x.complete(x.poll(), command("complete_workflow_execution"))
    asking = x.behind(x.query)
    answer(x, x.poll(show=True, label="query task"), query_result=payloads("yes"))
    asking.join(15)
    x.query(label="rejected not open", query_reject_condition=QueryRejectCondition.QUERY_REJECT_CONDITION_NOT_OPEN)
    asking = x.behind(x.query, label="not completed cleanly, but it did",
                      query_reject_condition=QueryRejectCondition.QUERY_REJECT_CONDITION_NOT_COMPLETED_CLEANLY)
    answer(x, x.poll(), query_result=payloads("yes"))
    asking.join(15)
    x.history()
