"""update_repeated.py - one update id: while it is admitted, accepted, completed, and after the workflow closed."""
from kit.basic import end
from kit.updates import ACCEPTED, accept, answer, ask, done, idle, update


def play(x):
    idle(x)
    asked = [ask(x), ask(x), ask(x, stage=ACCEPTED)]
    task = x.poll(show=True)
    answer(x, task, accept(task))
    asked[2].tell()
    asked.append(ask(x))
    update(x, stage=ACCEPTED, label="repeated when accepted")
    x.signal()
    answer(x, x.poll(), done())
    for one in (0, 1, 3):
        asked[one].tell()
    update(x, label="repeated when completed")
    update(x, stage=ACCEPTED, label="accepted repeated when completed")
    x.signal()
    end(x)
    update(x, label="repeated when closed")
    update(x, "other", label="another when closed")
