"""task_failed_with_everything.py - a failed task with a chain of failures, one that is too large, and a worker of a deployment."""
from temporalio.api.common.v1 import WorkerVersionStamp
from temporalio.api.deployment.v1 import WorkerDeploymentOptions
from temporalio.api.failure.v1 import Failure

from kit.task import OOPS


def play(x):
    x.start()
    x.fail_task(x.poll(), binary_checksum="bc", worker_version=WorkerVersionStamp(build_id="b"), cause=3,
                failure=Failure(message="m", source="s", stack_trace="st", cause=OOPS))
    x.history()
    x.fail_task(x.poll(), label="large", failure=Failure(message="x" * 2200000))
    x.signal()
    x.fail_task(x.poll(), label="deployment", deployment_options=WorkerDeploymentOptions(
        deployment_name="d", build_id="b", worker_versioning_mode=2))
    x.history()
    x.describe()
