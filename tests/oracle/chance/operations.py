"""operations.py - what operators do in a random script: to pending activities, and to the options of a run."""
import time

from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import Priority, RetryPolicy
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import VersioningOverride
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit import operations
from lab import seconds

# Each with another value for every path, so that a change is one.
ACTIVITY_CHANGES = (
    ("start_to_close_timeout", lambda n: ActivityOptions(start_to_close_timeout=seconds(250 + n))),
    ("schedule_to_close_timeout", lambda n: ActivityOptions(schedule_to_close_timeout=seconds(350 + n))),
    ("heartbeat_timeout", lambda n: ActivityOptions(heartbeat_timeout=seconds(200 + n))),
    ("priority", lambda n: ActivityOptions(priority=Priority(priority_key=1 + n % 5))),
    ("retry_policy.maximum_attempts", lambda n: ActivityOptions(retry_policy=RetryPolicy(maximum_attempts=2 + n % 3))),
)


def _any(e, test=lambda a: True):
    """Its task, if it waits, is stale from now on."""
    activity_id = e.world.rng.choice([a for a in e.activities if test(a)]).activity_id
    e.stale.add(activity_id)
    return activity_id


def paused(a):
    return a.paused


def pause(e, x):
    operations.pause(x, id=_any(e))


def unpause(e, x):
    operations.unpause(x, id=_any(e, paused), reset_attempts=e.world.rng.random() < 0.5,
                       reset_heartbeat=e.world.rng.random() < 0.5)


def reset(e, x):
    rng = e.world.rng
    more = {name: True for name in ("keep_paused", "reset_heartbeat", "restore_original_options") if rng.random() < 0.3}
    operations.reset(x, id=_any(e), **more)


def change(e, x):
    rng = e.world.rng
    path, make = rng.choice(ACTIVITY_CHANGES)
    if rng.random() < 0.15:
        operations.options(x, id=_any(e), restore_original=True)
    else:
        operations.options(x, path, id=_any(e), activity_options=make(rng.randrange(40)))


def change_run(e, x):
    """Also to what it is already: that writes no event. Another override ends the bond with the worker."""
    fields, paths = e.world.rng.choice([
        (dict(priority=Priority(priority_key=e.world.rng.randrange(1, 4))), ["priority"]),
        (dict(priority=Priority(fairness_key=e.world.rng.choice("ab"))), ["priority.fairness_key"]),
        (dict(versioning_override=VersioningOverride(auto_upgrade=True)), ["versioning_override"]),
        (dict(), ["versioning_override"])])
    if "versioning_override" in paths:
        now = e.shown.workflow_execution_info.versioning_info.HasField("versioning_override")
        e.sticky = e.sticky and now == ("versioning_override" in fields)
    x.call("UpdateWorkflowExecutionOptions", api.UpdateWorkflowExecutionOptionsRequest(
        namespace="default", workflow_execution=x.execution(), identity="operator",
        workflow_execution_options=WorkflowExecutionOptions(**fields), update_mask=FieldMask(paths=paths)),
        label="options of the run", show=True)


def failed_while_paused(e, x, activity_id):
    """What it backs off from is over."""
    time.sleep(0.7)
    e.until(lambda o: all(a.activity_id != activity_id or a.state == PendingActivityState.PENDING_ACTIVITY_STATE_PAUSED
                          for a in o.activities), "the pause of an activity")


def possible(e):
    found = []
    if not e.world.updates:  # the reference hands a task that waited meanwhile out without its updates
        found += [change_run]
    if e.activities:
        found += [pause, reset, change]
    if any(paused(a) for a in e.activities):
        found += [unpause] * 3
    return found
