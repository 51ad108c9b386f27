"""query_failed_workflow.py - the reject conditions of a failed workflow."""
from temporalio.api.enums.v1 import QueryRejectCondition

from kit.task import OOPS
from lab import command


def play(x):
    x.start()
    x.complete(x.poll(), command("fail_workflow_execution", failure=OOPS))
    x.query(label="rejected not completed cleanly",
            query_reject_condition=QueryRejectCondition.QUERY_REJECT_CONDITION_NOT_COMPLETED_CLEANLY)
    x.query(label="rejected not open", query_reject_condition=QueryRejectCondition.QUERY_REJECT_CONDITION_NOT_OPEN)
