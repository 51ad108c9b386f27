"""limits_links.py - how many links a request may have, and how large they may be."""
from temporalio.api.common.v1 import Link

from kit import limited
from kit.links import link

SETTINGS = limited.LINKS


def play(x):
    x.start(label="two", links=[link(), link()])
    x.signal(label="three", links=[link()] * 3)
    x.signal(label="a large one", links=[Link(workflow_event=Link.WorkflowEvent(
        namespace="default", workflow_id="w" * 100, run_id="r"))])
    x.signal(label="two of them", links=[link(), link()])
    x.cancel(label="cancel with three", links=[link()] * 3)
    x.terminate(label="terminate with three", links=[link()] * 3)
    x.outline()
    x.terminate()
