"""update_workflow_completes.py - a workflow that closes with updates in every state."""
from kit.updates import ACCEPTED, COMPLETED, Asked, accept, answer, ask, done, idle, poll_update, update
from lab import command, payloads


def play(x):
    idle(x)
    first = ask(x, "first")
    accepted = ask(x, "accepted", stage=ACCEPTED)
    task = x.poll()
    answer(x, task, accept(task, "first"), accept(task, "accepted"))
    accepted.tell()
    waiting = Asked(x, poll_update, "accepted", COMPLETED)
    x.signal()
    task = x.poll()
    late = ask(x, "late")
    answer(x, task, done("first"), commands=[command("complete_workflow_execution", result=payloads("done"))])
    for one in (first, waiting, late):
        one.tell()
    x.history()
    x.describe()
    for update_id in ("first", "accepted", "late"):
        poll_update(x, update_id)
        update(x, update_id, label=f"again {update_id}")
