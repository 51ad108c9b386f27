"""batches.py - jobs that act on many executions, waited for."""
import time
import uuid

from temporalio.api.workflowservice.v1 import request_response_pb2 as api

SETTINGS = {"frontend.MaxConcurrentBatchOperationPerNamespace": 100}
RUNNING = 1


def request(x, query="", targets=(), reason="why", job=None, **operation):
    return api.StartBatchOperationRequest(
        namespace="default", job_id=job or str(uuid.uuid4()), reason=reason, visibility_query=query,
        executions=[x.execution() if target is None else target for target in targets], **operation)


def start(x, label, *words, **more):
    """The job's id, or None when it is refused."""
    asked = request(x, *words, **more)
    return asked.job_id if x.call("StartBatchOperation", asked, label=label, show=True) is not None else None


def describe(x, label, job, show=True):
    return x.call("DescribeBatchOperation", api.DescribeBatchOperationRequest(namespace="default", job_id=job),
                  label=label, show=show)


def run(x, label, *words, **more):
    """Start a job, wait for its end, show what is told of it."""
    job = start(x, label, *words, **more)
    deadline = time.monotonic() + 40
    x.quiet = True
    while True:
        told = describe(x, label, job, show=False)
        if told is not None and told.state != RUNNING or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    x.quiet = False
    describe(x, f"{label}: what it did", job)
    return job
