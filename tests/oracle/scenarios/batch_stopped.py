"""batch_stopped.py - a job that is slow: another one must wait; it is listed, stopped, and has failed."""
import time

from temporalio.api.batch.v1 import message_pb2 as batch
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit import batches

SETTINGS = {"worker.batcherRPS": 1}


def listed(x, job, state):
    """Wait until the job is listed so; its entry."""
    deadline = time.monotonic() + 20
    x.quiet = True
    found = []
    while not found and time.monotonic() < deadline:
        answer = x.call("ListBatchOperations", api.ListBatchOperationsRequest(namespace="default"))
        found = [info for info in answer.operation_info if info.job_id == job and info.state == state]
        time.sleep(0.05)
    x.quiet = False
    return found[0]


def play(x):
    x.start()
    signal = {"signal_operation": batch.BatchOperationSignal(signal="s", identity="me")}
    job = batches.start(x, "a slow job", targets=[None] * 60, **signal)
    x.show("listed while it runs", listed(x, job, batches.RUNNING))
    batches.start(x, "another one", targets=[None], **signal)
    stop = api.StopBatchOperationRequest(namespace="default", job_id=job, reason="enough", identity="me")
    x.call("StopBatchOperation", stop, label="stop", show=True)
    told = batches.describe(x, "describe", job, show=False)
    x.say(f"state {told.state}, reason {told.reason}, closed {told.HasField('close_time')}, {len(told.executions)} targets")
    x.show("listed when it is stopped", listed(x, job, 3))
    x.call("StopBatchOperation", stop, label="stop again", show=True)
    batches.run(x, "another one after it", targets=[None], **signal)
    x.terminate()
