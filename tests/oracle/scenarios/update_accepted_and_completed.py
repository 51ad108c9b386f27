"""update_accepted_and_completed.py - an update of an idle workflow, accepted and completed in one task."""
from kit.basic import end
from kit.updates import accept, answer, ask, done, idle, poll_update


def play(x):
    idle(x)
    asked = ask(x)
    x.outline("while it is admitted")
    x.describe("describe while it is admitted")
    task = x.poll(show=True)
    x.outline("while the task is started")
    answer(x, task, accept(task), done())
    asked.tell()
    x.history("history with the update")
    poll_update(x)
    x.signal()
    end(x, x.poll(show=True))
