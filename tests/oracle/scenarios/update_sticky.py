"""update_sticky.py - the task of an update on a sticky queue brings only what is new."""
from kit.updates import accept, answer, ask, done, reject
from lab import seconds
from temporalio.api.taskqueue.v1 import StickyExecutionAttributes, TaskQueue


def play(x):
    x.start()
    own = x.queue + "-sticky"
    sticky = StickyExecutionAttributes(worker_task_queue=TaskQueue(name=own),
                                       schedule_to_start_timeout=seconds(30))
    x.complete(x.poll(), sticky_attributes=sticky)
    x.poll(sticky_of=own, timeout=2.5)  # nothing comes: its worker is known to be there
    asked = ask(x, "first")
    task = x.poll(show=True, label="sticky task", sticky_of=own)
    answer(x, task, reject(task, "first"), sticky_attributes=sticky)
    asked.tell()
    asked = ask(x, "second")
    task = x.poll(show=True, label="second sticky task", sticky_of=own)
    answer(x, task, accept(task, "second"), done("second"), sticky_attributes=sticky)
    asked.tell()
    x.history()
    x.describe()
    x.terminate()
