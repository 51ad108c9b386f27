"""update_accepted_then_completed.py - an update that is accepted in one task and completed in another."""
from kit.basic import end
from kit.updates import ACCEPTED, COMPLETED, Asked, accept, answer, ask, done, idle, poll_update


def play(x):
    idle(x)
    asked = ask(x, stage=ACCEPTED)
    task = x.poll()
    answer(x, task, accept(task))
    asked.tell()
    x.history("history with the acceptance")
    x.describe("describe with the acceptance")
    poll_update(x)
    poll_update(x, stage=ACCEPTED)
    waiting = Asked(x, poll_update, stage=COMPLETED)
    x.signal()
    task = x.poll(show=True, label="the second task")
    answer(x, task, done())
    waiting.tell()
    poll_update(x, stage=COMPLETED, label="afterwards")
    x.signal()
    end(x)
