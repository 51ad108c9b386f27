"""resets.py - resets of a random script: to any workflow task of any run of a chain, with what comes again or not."""
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import Priority, WorkflowExecution
from temporalio.api.workflow.v1 import PostResetOperation, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from chance.world import type_name
from lab import payloads

TASK = "WORKFLOW_TASK_COMPLETED"


def current(e, x):
    return x.call("DescribeWorkflowExecution", api.DescribeWorkflowExecutionRequest(
        namespace="default", execution=WorkflowExecution(workflow_id=e.workflow_id)),
        raises=True).workflow_execution_info.execution.run_id


def follow(e, run_id):
    """A reset made this run of one of `e`; children that are pending in it are its own now."""
    children = e.open_children()
    e.follow(run_id)
    e.short_run = False
    e.look()
    pending = {c.run_id for c in e.shown.pending_children}
    for child in children:
        if child.run_id in pending:
            child.parent_run = run_id
    e.accepted = e.open_updates()


def afterwards(rng, serial):
    """Operations that the new run begins with."""
    return [PostResetOperation(signal_workflow=PostResetOperation.SignalWorkflow(
        signal_name=f"after{n}", input=payloads("in"))) if rng.random() < 0.6 else
        PostResetOperation(update_workflow_options=PostResetOperation.UpdateWorkflowOptions(
            workflow_execution_options=WorkflowExecutionOptions(priority=Priority(priority_key=1 + n)),
            update_mask=FieldMask(paths=["priority"]))) for n in range(serial)]


def options(rng, wide):
    more, draw = {}, rng.random()
    if draw < 0.5:
        more["reset_reapply_exclude_types"] = rng.sample([1, 2, 3, 4], rng.randrange(1, 3))
    elif draw < 0.7 and wide:
        more["reset_reapply_type"] = rng.choice([1, 2, 3])
    if wide and rng.random() < 0.25:
        more["post_reset_operations"] = afterwards(rng, rng.randrange(1, 3))
    return more


def reset(e, x):
    """The script goes on with the new run."""
    rng, base = e.world.rng, e.run_id
    if e.world.wide and e.kept_runs() and rng.random() < 0.3:
        x.run_id = base = rng.choice(e.kept_runs())
    ends = [event.event_id for event in x.events() if type_name(event) == TASK]
    if not ends:
        return
    answer = x.call("ResetWorkflowExecution", api.ResetWorkflowExecutionRequest(
        namespace="default", workflow_execution=x.execution(base), reason="chance",
        workflow_task_finish_event_id=rng.choice(ends), request_id=x.new_request_id(), identity="operator",
        **options(rng, e.world.wide)), show=True)
    if answer is not None:
        follow(e, answer.run_id)


def allowed(e):
    """The sticky poll would meet a task that nobody expects, who waits for an update would hear in no order."""
    return e.world.updates and e.parent is None and e.count(TASK) and not e.asked and not e.sticky and e.sticky_poll is None


def possible(e):
    return [reset] if allowed(e) else []
