"""start_bad_names.py - starts whose names, sizes and queues are refused."""
from temporalio.api.common.v1 import Memo, Payload, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue

from lab import payloads


def play(x):
    cases = {
        "request id": dict(request_id="r" * 1001), "no type": dict(workflow_type=None), "no queue": dict(task_queue=None),
        "long type": dict(workflow_type=WorkflowType(name="t" * 1001)), "long queue": dict(task_queue=TaskQueue(name="q" * 1001)),
        "long id": dict(workflow_id="w" * 1001), "no id": dict(workflow_id=""),
        "big input": dict(input=payloads("x" * 2200000)), "big memo": dict(memo=Memo(fields={"m": Payload(data=b"x" * 2200000)})),
        "a queue of the server": dict(task_queue=TaskQueue(name="temporal-sys-per-ns-tq")),
        "a reserved queue": dict(task_queue=TaskQueue(name="/_sys/x")),
    }
    for label, more in cases.items():
        x.start(label=label, **more)
