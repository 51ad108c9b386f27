"""task_metadata.py - SDK flags and metering of a completion."""
from temporalio.api.sdk.v1 import WorkflowTaskCompletedMetadata

from kit.basic import end


def play(x):
    x.start()
    x.complete(x.poll(), sdk_metadata=WorkflowTaskCompletedMetadata(core_used_flags=[1, 2], lang_used_flags=[3],
                                                                   sdk_name="n", sdk_version="1"),
               metering_metadata={"nonfirst_local_activity_execution_attempts": 3})
    x.signal()
    end(x)
