"""speculative_heartbeat.py - the task of an update goes on: the next one carries only what is new."""
from kit.basic import end
from kit.updates import accept, answer, ask, done, idle, reject


def play(x):
    idle(x)
    first = ask(x, "first")
    task = x.poll(show=True)
    second = ask(x, "second")
    old = task
    task = x.complete(task, force_create_new_workflow_task=True, return_new_workflow_task=True, show=True,
                      label="heartbeat").workflow_task
    x.history("history after the heartbeat")
    task = x.complete(task, force_create_new_workflow_task=True, return_new_workflow_task=True, show=True,
                      messages=[reject(task, "second")], label="second heartbeat").workflow_task
    second.tell()
    x.complete(task, messages=[accept(old, "first"), done("first")], show=True, label="the end")
    first.tell()
    x.signal()
    end(x)
