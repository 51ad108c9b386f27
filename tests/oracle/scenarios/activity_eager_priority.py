"""activity_eager_priority.py - what priority an eager task names, and one that is polled."""
from temporalio.api.common.v1 import Priority
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.activity import activity


def play(x):
    x.start(priority=Priority(priority_key=2, fairness_key="k"))
    eager = dict(request_eager_execution=True, task_queue=TaskQueue(name=x.queue))
    x.complete(x.poll(), activity(x, activity_id="inherits", **eager),
               activity(x, activity_id="own", priority=Priority(priority_key=4), **eager),
               activity(x, activity_id="polled"), show=True, label="eager")
    x.poll_activity(show=True)
    x.terminate()
