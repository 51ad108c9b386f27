"""update_and_signal_while_scheduled.py - a signal turns the scheduled task of an update into a normal one."""
from kit.basic import end
from kit.updates import answer, ask, idle, reject


def play(x):
    idle(x)
    asked = ask(x)
    x.signal()
    x.history("history with the signal")
    task = x.poll(show=True)
    answer(x, task, reject(task))
    asked.tell()
    x.signal("second")
    end(x, x.poll(show=True))
