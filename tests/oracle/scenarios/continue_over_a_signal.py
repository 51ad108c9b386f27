"""continue_over_a_signal.py - a continuation that has not seen a buffered signal."""
from kit.chain import KIND
from lab import command


def play(x):
    x.start()
    task = x.poll()
    x.signal()
    x.complete(task, command(KIND))
    x.history()
