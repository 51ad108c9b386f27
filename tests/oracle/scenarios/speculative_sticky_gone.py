"""speculative_sticky_gone.py - the sticky worker of an update does not come: its task times out, any may have it."""
from kit.basic import end
from kit.task import sticky
from kit.updates import accept, answer, ask, done


def play(x):
    name = x.queue + "-sticky"
    x.start()
    waiting = x.behind(x.poll, sticky_of=name, label="sticky poll ahead", timeout=2.5, show=True)
    x.complete(x.poll(), sticky_attributes=sticky(name, 2))
    waiting.join(20)
    asked = ask(x)
    x.describe("describe scheduled")
    task = x.poll(show=True, label="on the normal queue")
    x.history("history timed out")
    answer(x, task, accept(task), done())
    asked.tell()
    x.signal()
    end(x)
