"""sticky_worker_gone.py - a task for a sticky queue that nobody polls goes to the normal queue; described at each step."""
from temporalio.api.taskqueue.v1 import StickyExecutionAttributes, TaskQueue

from kit.basic import end
from lab import seconds


def play(x):
    x.start()
    sticky = x.queue + "-sticky"
    x.complete(x.poll(), sticky_attributes=StickyExecutionAttributes(
        worker_task_queue=TaskQueue(name=sticky, kind=2, normal_name=x.queue), schedule_to_start_timeout=seconds(60)))
    x.describe("idle")
    x.signal()
    x.describe("scheduled")
    task = x.poll()  # who gets it there has answered for the sticky one
    x.describe("started")
    end(x, task)
