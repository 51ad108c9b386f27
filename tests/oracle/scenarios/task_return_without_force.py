"""task_return_without_force.py - a scheduled task returned with the answer."""


def play(x):
    x.start()
    task = x.poll()
    x.signal()
    x.complete(task, return_new_workflow_task=True, show=True)
    x.signal("two")
    x.history()
    x.describe()
