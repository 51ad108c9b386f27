"""limits_id_length.py - ids and names of a thousand bytes, and of one more."""
from temporalio.api.common.v1 import WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue


def start(x, label, **changes):
    if x.start(label=label, **changes) is not None:
        x.terminate(label=f"terminate: {label}")


def play(x):
    for size in (1000, 1001):
        long = "x" * size
        start(x, f"workflow type of {size}", workflow_type=WorkflowType(name=long))
        start(x, f"task queue of {size}", task_queue=TaskQueue(name=long))
        start(x, f"identity of {size}", identity=long)
        start(x, f"request id of {size}", request_id=long)
        start(x, f"cron schedule of {size}", cron_schedule="x" * 1001)
        kept, x.workflow_id = x.workflow_id, x.workflow_id + "y" * (size - len(x.workflow_id))
        start(x, f"workflow id of {size}")
        x.workflow_id = kept
        x.start()
        x.signal(long, label=f"signal name of {size}")
        x.signal(label=f"signal's request id of {size}", request_id=long)
        x.cancel(label=f"cancel's request id of {size}", request_id=long)
        x.terminate()
