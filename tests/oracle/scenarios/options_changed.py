"""options_changed.py - UpdateWorkflowExecutionOptions by field masks, and what it refuses."""
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api import workflowservice
from temporalio.api.common.v1 import Priority
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionOptions

from kit.basic import end

PINNED = VersioningOverride.PinnedOverride


def change(x, label, *paths, mask=True, options=True, **fields):
    x.call("UpdateWorkflowExecutionOptions", workflowservice.v1.UpdateWorkflowExecutionOptionsRequest(
        namespace="default", workflow_execution=x.execution(), identity="operator",
        workflow_execution_options=WorkflowExecutionOptions(**fields) if options else None,
        update_mask=FieldMask(paths=paths) if mask else None), label=label, show=True)


def play(x):
    x.start(priority=Priority(priority_key=4, fairness_key="a"))
    change(x, "no mask", mask=False)
    change(x, "no options", "priority", options=False)
    change(x, "an unknown path", "nothing")
    change(x, "an unknown path below", "priority.nothing")
    change(x, "an empty mask", priority=Priority(priority_key=1))
    change(x, "a key", "priority.priority_key", priority=Priority(priority_key=2, fairness_key="b"))
    change(x, "the same key", "priority.priority_key", priority=Priority(priority_key=2))
    change(x, "fairness", "priority.fairness_key", "priority.fairness_weight",
           priority=Priority(fairness_key="c", fairness_weight=2))
    change(x, "a whole priority", "priority", priority=Priority(priority_key=5))
    change(x, "no priority", "priority")
    change(x, "a bad priority", "priority", priority=Priority(priority_key=-1))
    change(x, "auto-upgrade", "versioning_override", versioning_override=VersioningOverride(auto_upgrade=True))
    change(x, "auto-upgrade again", "versioning_override", versioning_override=VersioningOverride(auto_upgrade=True))
    x.describe()
    change(x, "no override", "versioning_override")
    change(x, "the old way", "versioning_override", versioning_override=VersioningOverride(behavior=2))
    change(x, "one of two", "versioning_override.behavior", versioning_override=VersioningOverride(behavior=2))
    change(x, "a part", "versioning_override.auto_upgrade", versioning_override=VersioningOverride(auto_upgrade=True))
    change(x, "no behavior", "versioning_override", versioning_override=VersioningOverride())
    change(x, "not true", "versioning_override", versioning_override=VersioningOverride(auto_upgrade=False))
    change(x, "pinned to nothing", "versioning_override", versioning_override=VersioningOverride(pinned=PINNED()))
    change(x, "pinned to no version", "versioning_override",
           versioning_override=VersioningOverride(pinned=PINNED(behavior=1)))
    task = x.poll()
    change(x, "while a task is started", "priority.priority_key", priority=Priority(priority_key=3))
    x.complete(task)
    x.history()
    end(x)
    change(x, "closed", "priority", priority=Priority(priority_key=1))
