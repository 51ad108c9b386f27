"""links_bad.py - links that are too many or say too little, on every request that takes them."""
from temporalio.api.common.v1 import Link

from kit.links import link
from kit.runs import signal_with_start


def play(x):
    event = Link.WorkflowEvent
    cases = {
        "too many": [link()] * 11, "no namespace": [Link(workflow_event=event(workflow_id="w", run_id="r"))],
        "no workflow": [Link(workflow_event=event(namespace="n", run_id="r"))],
        "no run": [Link(workflow_event=event(namespace="n", workflow_id="w"))], "empty": [Link()],
        "no event type": [Link(workflow_event=event(namespace="n", workflow_id="w", run_id="r", event_ref={"event_id": 3}))],
        "no job": [Link(batch_job=Link.BatchJob())], "large": [Link(batch_job=Link.BatchJob(job_id="j" * 4100))],
    }
    x.start()
    execution = x.workflow_id, x.run_id
    for label, links in cases.items():
        x.signal(label=f"signal: {label}", links=links)
        x.cancel(label=f"cancel: {label}", links=links)
        x.terminate(label=f"terminate: {label}", links=links)
        signal_with_start(x, f"signal with start: {label}", links=links)
        x.start(label=f"start: {label}", workflow_id=x.workflow_id + "b", links=links)
    x.workflow_id, x.run_id = execution
    x.outline()
