"""sticky_failed_task.py - a failed task leaves the sticky queue."""
from kit.task import sticky


def play(x):
    name = x.queue + "-sticky"
    x.start()
    waiting = x.behind(x.poll, sticky_of=name, label="sticky poll ahead", timeout=3, show=True)
    x.complete(x.poll(), sticky_attributes=sticky(name))
    x.signal()
    waiting.join(20)
    x.terminate()
    x.history()
