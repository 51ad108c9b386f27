"""task_deployments.py - workers of a deployment: unversioned, versioned, unversioned again."""
from temporalio.api.deployment.v1 import WorkerDeploymentOptions

from lab import command


def options(mode):
    return WorkerDeploymentOptions(deployment_name="d", build_id="b", worker_versioning_mode=mode)


def play(x):
    x.start()
    x.complete(x.poll(), force_create_new_workflow_task=True, deployment_options=options(1))
    x.describe("unversioned")
    x.complete(x.poll(), deployment_options=options(2), versioning_behavior=2)
    x.describe("auto-upgrade")
    x.signal()
    x.complete(x.poll(), command("record_marker", marker_name="m"), deployment_options=options(1))
    x.describe("unversioned again")
    x.history()
