"""task_build_ids.py - stamps, checksums and metadata of completed tasks, in events and in the description."""
from temporalio.api.common.v1 import MeteringMetadata, WorkerVersionStamp
from temporalio.api.sdk.v1 import WorkflowTaskCompletedMetadata


def play(x):
    x.start()
    x.complete(x.poll(), force_create_new_workflow_task=True, worker_version_stamp=WorkerVersionStamp(build_id="b1"),
               sdk_metadata=WorkflowTaskCompletedMetadata(sdk_name="n", sdk_version="v", lang_used_flags=[1]))
    x.describe("stamp")
    x.complete(x.poll(), force_create_new_workflow_task=True, binary_checksum="bc",
               metering_metadata=MeteringMetadata(nonfirst_local_activity_execution_attempts=2))
    x.describe("checksum")
    x.complete(x.poll(), label="behavior without options", versioning_behavior=1)
    x.history()
