"""command_two_closings.py - two closing commands in one answer."""
from kit.task import OOPS
from lab import command, payloads


def play(x):
    x.start()
    x.complete(x.poll(), command("complete_workflow_execution", result=payloads("1")),
               command("fail_workflow_execution", failure=OOPS), label="two closings")
    x.history()
