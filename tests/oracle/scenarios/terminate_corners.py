"""terminate_corners.py - terminations with all that they may say, of a wrong chain, of a chain's current run."""
import uuid

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.basic import anew
from kit.chain import KIND
from kit.links import link
from lab import command, payloads


def play(x):
    def terminate(label, run_id="", **more):
        x.call("TerminateWorkflowExecution", api.TerminateWorkflowExecutionRequest(
            namespace="default", workflow_execution=WorkflowExecution(workflow_id=x.workflow_id, run_id=run_id), **more),
            label=label, show=True)

    x.start()
    first = x.run_id
    x.complete(x.poll(), command(KIND))
    x.run_id = x.events()[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    terminate("the first run", first)
    terminate("another chain", first_execution_run_id=str(uuid.UUID(int=7)))
    terminate("not an id of a chain", first_execution_run_id="bad")
    terminate("the second run's id as the chain's", first_execution_run_id=x.run_id)
    terminate("this run of another chain", x.run_id, first_execution_run_id=str(uuid.UUID(int=7)))
    terminate("this chain", first_execution_run_id=first, reason="r" * 1200, details=payloads("d", "e"), links=[link()],
              identity="")
    terminate("again", first_execution_run_id=first)
    x.history()
    x.describe()
    anew(x)
    terminate("long identity", identity="i" * 1001)
    terminate("without words")
    x.history()
