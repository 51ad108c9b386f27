"""limits_big_completion.py - a result above the size limit."""
from lab import command, payloads


def play(x):
    x.start()
    x.complete(x.poll(), command("complete_workflow_execution", result=payloads("x" * (2 * 1024 * 1024 + 10))),
               label="big result")
    x.history()
