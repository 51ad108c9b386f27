"""limits_updates_of_a_run.py - three updates of a run and no more; the worker is told to continue as new."""
from kit import limited
from kit.basic import end
from kit.updates import accept, answer, ask, done, idle, reject, update

SETTINGS = limited.UPDATES


def rejected(x):
    """One that is rejected counts for nothing."""
    asked = ask(x, "r")
    task = x.poll()
    answer(x, task, reject(task, "r"))
    asked.tell()


def play(x):
    idle(x)
    rejected(x)
    for n in range(3):
        asked = ask(x, f"u{n}")
        task = x.poll(show=True, label=f"task of u{n}")
        answer(x, task, accept(task, f"u{n}"), done(f"u{n}"))
        asked.tell()
    update(x, "u3")
    update(x, "u2", label="one that was completed")
    x.signal()
    end(x)
