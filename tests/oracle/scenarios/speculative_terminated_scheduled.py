"""speculative_terminated_scheduled.py - the workflow is terminated before the task of its update starts."""
from kit.updates import ask, idle


def play(x):
    idle(x)
    asked = ask(x)
    x.terminate()
    asked.tell()
    x.history()
