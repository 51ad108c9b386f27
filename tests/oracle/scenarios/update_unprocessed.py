"""update_unprocessed.py - a worker that answers a task without a word about its update."""
from kit.basic import end
from kit.updates import ask, idle


def play(x):
    idle(x)
    asked = ask(x)
    task = x.poll()
    x.complete(task, show=True)
    asked.tell()
    x.history("history after the silence")
    x.signal()
    end(x)
