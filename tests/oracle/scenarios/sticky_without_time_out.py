"""sticky_without_time_out.py - sticky attributes without a time-out, without a queue, and none."""
from temporalio.api.taskqueue.v1 import StickyExecutionAttributes, TaskQueue

from kit.task import sticky
from lab import seconds


def play(x):
    name = x.queue + "-sticky"
    x.start()
    cases = {
        "no queue": StickyExecutionAttributes(schedule_to_start_timeout=seconds(1)),
        "no name": StickyExecutionAttributes(worker_task_queue=TaskQueue(name="", kind=2)),
        "no time-out": StickyExecutionAttributes(worker_task_queue=TaskQueue(name=name, kind=2, normal_name=x.queue)),
    }
    for label, attributes in cases.items():
        x.complete(x.poll(), label=label, sticky_attributes=attributes)
        x.describe(label)
        x.signal()
    x.outline()
