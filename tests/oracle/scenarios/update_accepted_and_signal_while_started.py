"""update_accepted_and_signal_while_started.py - the same, and the update is accepted."""
from kit.basic import end
from kit.updates import accept, answer, ask, done, idle


def play(x):
    idle(x)
    asked = ask(x)
    task = x.poll()
    x.signal()
    answer(x, task, accept(task), done())
    asked.tell()
    end(x, x.poll(show=True))
