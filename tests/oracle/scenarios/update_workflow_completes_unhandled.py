"""update_workflow_completes_unhandled.py - a workflow that closes although an update waits must look at it first."""
from kit.updates import ask
from lab import command, payloads


def play(x):
    x.start()
    task = x.poll()
    asked = ask(x)
    x.complete(task, command("complete_workflow_execution", result=payloads("done")), label="complete too early")
    asked.tell()
    x.outline()
