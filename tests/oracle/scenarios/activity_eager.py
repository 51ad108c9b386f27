"""activity_eager.py - an activity that the worker wants at once."""
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.activity import activity


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, request_eager_execution=True, task_queue=TaskQueue(name=x.queue)), show=True,
               label="eager")
    x.history()
