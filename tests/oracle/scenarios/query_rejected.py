"""query_rejected.py - reject conditions on runs that ended in every way."""
from temporalio.api.common.v1 import WorkflowType
from temporalio.api.enums.v1 import QueryRejectCondition

from kit.basic import anew, end
from kit.task import OOPS
from lab import command


def play(x):
    endings = {
        "terminated": None, "canceled": command("cancel_workflow_execution"),
        "failed": command("fail_workflow_execution", failure=OOPS),
        "continued": command("continue_as_new_workflow_execution", workflow_type=WorkflowType(name="wf-type")),
    }
    for label, ending in endings.items():
        anew(x)
        task = x.poll()
        if ending is None:
            x.terminate()
        else:
            x.complete(task, ending)
        x.query(label=f"{label}, open wanted", query_reject_condition=QueryRejectCondition.QUERY_REJECT_CONDITION_NOT_OPEN)
        x.query(label=f"{label}, clean end wanted",
                query_reject_condition=QueryRejectCondition.QUERY_REJECT_CONDITION_NOT_COMPLETED_CLEANLY)
