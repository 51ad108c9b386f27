"""task_deployment_pinned.py - a run that a versioned worker pins, and ends."""
from temporalio.api.deployment.v1 import WorkerDeploymentOptions

from lab import command


def play(x):
    options = WorkerDeploymentOptions(deployment_name="d", build_id="b", worker_versioning_mode=2)
    x.start()
    x.complete(x.poll(), command("complete_workflow_execution"), deployment_options=options, versioning_behavior=1)
    x.describe()
    x.listed(status=2)
    x.history()
