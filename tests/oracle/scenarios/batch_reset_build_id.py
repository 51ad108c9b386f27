"""batch_reset_build_id.py - jobs reset to where a build came first: of this run, of one before, of no run, of what is closed."""
from temporalio.api.batch.v1 import message_pb2 as batch
from temporalio.api.common.v1 import ResetOptions, WorkerVersionStamp, WorkflowExecution
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit import batches, chain
from lab import command

SETTINGS = batches.SETTINGS


def stamp(build):
    return {"worker_version_stamp": WorkerVersionStamp(build_id=build)}


def go_on(x):
    """Look at the current run from now on."""
    current = WorkflowExecution(workflow_id=x.workflow_id)
    x.run_id = x.call("DescribeWorkflowExecution", api.DescribeWorkflowExecutionRequest(
        namespace="default", execution=current)).workflow_execution_info.execution.run_id


def play(x):
    def reset(label, build, **more):
        operation = batch.BatchOperationReset(identity="me", options=ResetOptions(build_id=build, **more))
        batches.run(x, label, targets=[WorkflowExecution(workflow_id=x.workflow_id)], reset_operation=operation)
        go_on(x)
        x.outline(f"{label}: the current run")

    x.start()
    x.complete(x.poll())  # of no build
    x.signal("one")
    x.complete(x.poll(), **stamp("b1"))
    x.signal("two")
    x.complete(x.poll(), **stamp("b2"))
    x.describe("three builds of one run")
    x.signal("three")
    reset("this run", "b2")
    reset("never seen", "b9")
    x.complete(x.poll(), **stamp("b2"))
    x.signal("four")
    x.complete(x.poll(), command(chain.KIND), binary_checksum="c1")
    go_on(x)
    x.complete(x.poll(), **stamp("b3"))
    x.quiet = True
    info = x.describe().workflow_execution_info
    x.quiet = False
    x.show("builds of the chain's second run", info.search_attributes)
    x.show("and where it may be reset to", info.auto_reset_points)
    reset("a run before, of the current one only", "b1", current_run_only=True)
    reset("a run before", "b1")
    x.complete(x.poll(), binary_checksum="c1")
    reset("a checksum", "c1")
    x.signal("five")
    x.complete(x.poll(), command("complete_workflow_execution"), **stamp("b4"))
    reset("a closed run", "b4")
    x.terminate()
