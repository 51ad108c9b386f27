"""task_unhandled_command.py - a completion that has not seen a buffered signal."""
from kit.basic import end
from lab import command


def play(x):
    x.start()
    task = x.poll()
    x.signal()
    x.complete(task, command("complete_workflow_execution"))
    x.history()
    x.describe()
    task = x.poll(show=True)
    end(x, task)
