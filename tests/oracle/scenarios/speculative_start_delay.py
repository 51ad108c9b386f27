"""speculative_start_delay.py - an update does not wait for the start delay of its workflow."""
from kit.basic import end
from kit.updates import accept, answer, ask, done, reject
from lab import seconds


def play(x):
    x.start(workflow_start_delay=seconds(60))
    asked = ask(x, "no")
    x.describe("describe scheduled")
    task = x.poll(show=True)
    answer(x, task, reject(task, "no"), show=True)
    asked.tell()
    x.history("history rejected")
    x.describe("describe rejected")
    asked = ask(x, "second no")
    task = x.poll()
    also = ask(x, "yes")
    task = answer(x, task, reject(task, "second no"), return_new_workflow_task=True, show=True, label="next").workflow_task
    asked.tell()
    asked = also
    answer(x, task, accept(task, "yes"), done("yes"), show=True)
    asked.tell()
    x.describe("describe accepted")
    x.signal()
    end(x)
