"""cancel_with_everything.py - a cancellation with reason, links and one who asks; then what a description tells."""
import uuid

from temporalio.api.common.v1 import WorkflowExecution

from kit.chain import KIND, follow
from kit.links import link
from lab import command, payloads


def play(x):
    x.start()
    first = x.run_id
    x.cancel("another chain", first_execution_run_id=str(uuid.UUID(int=7)))
    x.cancel("not an id of a chain", first_execution_run_id="bad")
    task = x.poll()
    x.cancel("with all", first_execution_run_id=first, reason="because", links=[link(), link()], request_id="one")
    x.cancel("same request", reason="because", request_id="one")
    x.cancel("another request", reason="other", request_id="two")
    x.cancel("long request id", request_id="r" * 1001)
    x.describe("asked while a task runs")
    x.complete(task)
    x.complete(x.poll(), command(KIND))
    follow(x)
    x.describe("the next run is not asked")
    x.cancel("by id alone", execution=WorkflowExecution(workflow_id=x.workflow_id), first_execution_run_id=first)
    x.complete(x.poll(), command("cancel_workflow_execution", details=payloads("d")))
    x.history()
    x.cancel("closed")
