"""child_failed.py - a child that fails."""
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure

from kit.children import await_type, both, parent_and_child
from lab import command, payloads


def play(x):
    parent_and_child(x)
    x.complete(x.poll(queue=x.queue + "-c"), command("fail_workflow_execution", failure=Failure(
        message="no", application_failure_info=ApplicationFailureInfo(type="T", details=payloads("d")))))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_FAILED")
    both(x)
