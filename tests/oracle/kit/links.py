"""links.py - links between executions."""
from temporalio.api.common.v1 import Link


def link():
    return Link(workflow_event=Link.WorkflowEvent(namespace="default", workflow_id="other", run_id="r",
                                                  event_ref={"event_id": 1, "event_type": 1}))
