"""sticky_task_fails.py - a sticky task that its worker fails goes to the normal queue as a first attempt."""
from kit.task import OOPS, sticky


def play(x):
    name, got = x.queue + "-sticky", []
    x.start()
    waiting = x.behind(lambda: got.append(x.poll(sticky_of=name, label="sticky", timeout=10.0)))
    x.complete(x.poll(), sticky_attributes=sticky(name, 5))
    x.signal()
    waiting.join(10)
    x.fail_task(got[0], failure=OOPS)
    x.describe()
    x.poll(show=True)
    x.history()
