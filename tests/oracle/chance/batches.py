"""batches.py - batch jobs of a random script, each on one execution that it names."""
from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.batch.v1 import message_pb2 as batch
from temporalio.api.common.v1 import Priority, ResetOptions, WorkflowExecution
from temporalio.api.workflow.v1 import WorkflowExecutionOptions

from chance import resets
from kit import batches
from lab import payloads, seconds


def signal(e, x):
    batches.run(x, "batch signal", targets=[None], signal_operation=batch.BatchOperationSignal(
        signal=e.world.next_id("sig"), input=payloads("in"), identity="job"))


def cancel(e, x):
    batches.run(x, "batch cancel", targets=[None], cancellation_operation=batch.BatchOperationCancellation(identity="job"))


def change_run(e, x):
    batches.run(x, "batch options", targets=[None], update_workflow_options_operation=(
        batch.BatchOperationUpdateWorkflowExecutionOptions(
            identity="job", update_mask=FieldMask(paths=["priority"]),
            workflow_execution_options=WorkflowExecutionOptions(
                priority=Priority(priority_key=e.world.rng.randrange(1, 4))))))


def _all_activities(e):
    """Their tasks, if they wait, are stale from now on."""
    e.stale.update(a.activity_id for a in e.activities)
    return dict(identity="job", **e.world.rng.choice([dict(match_all=True), dict(type="act"), dict(type="other")]))


def unpause_activities(e, x):
    rng = e.world.rng
    batches.run(x, "batch unpause", targets=[None], unpause_activities_operation=batch.BatchOperationUnpauseActivities(
        reset_attempts=rng.random() < 0.5, reset_heartbeat=rng.random() < 0.5, **_all_activities(e)))


def reset_activities(e, x):
    rng = e.world.rng
    more = {name: True for name in ("keep_paused", "reset_heartbeat", "reset_attempts") if rng.random() < 0.3}
    batches.run(x, "batch reset of activities", targets=[None],
                reset_activities_operation=batch.BatchOperationResetActivities(**more, **_all_activities(e)))


def change_activities(e, x):
    batches.run(x, "batch options of activities", targets=[None], update_activity_options_operation=(
        batch.BatchOperationUpdateActivityOptions(
            activity_options=ActivityOptions(heartbeat_timeout=seconds(200 + e.world.rng.randrange(40))),
            update_mask=FieldMask(paths=["heartbeat_timeout"]), **_all_activities(e))))


def reset(e, x):
    """To the first or the last workflow task; the script goes on with the new run."""
    rng, base = e.world.rng, e.run_id
    options = ResetOptions(**rng.choice([dict(first_workflow_task=Empty()), dict(last_workflow_task=Empty())]))
    if rng.random() < 0.4:
        options.reset_reapply_exclude_types.extend(rng.sample([1, 2, 4], rng.randrange(1, 3)))
    batches.run(x, "batch reset", targets=[WorkflowExecution(workflow_id=e.workflow_id)],
                reset_operation=batch.BatchOperationReset(identity="job", options=options))
    run_id = resets.current(e, x)
    if run_id != base:
        resets.follow(e, run_id)


def possible(e):
    """The reference forgets what it has of updates in memory when something that a job asks for is refused."""
    if not e.world.batches or e.asked:
        return []
    found = [signal, cancel]
    if not e.world.updates:
        found += [change_run]
    if e.activities:
        found += [unpause_activities, reset_activities, change_activities]
    if resets.allowed(e):
        found += [reset]
    return found
