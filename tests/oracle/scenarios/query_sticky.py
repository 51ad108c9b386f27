"""query_sticky.py - a query on a sticky queue."""
from kit.query import answer
from kit.task import sticky
from lab import payloads


def play(x):
    name = x.queue + "-sticky"
    x.start()
    waiting = x.behind(lambda: answer(x, x.poll(sticky_of=name, label="sticky query task", show=True),
                                      query_result=payloads("yes")))
    x.complete(x.poll(), sticky_attributes=sticky(name))
    asking = x.behind(x.query)
    waiting.join(20)
    asking.join(20)
