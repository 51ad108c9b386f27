"""child_start_and_cancel.py - a child started and canceled by the same task."""
from kit.children import CANCEL, child_of, start_child
from lab import command


def play(x):
    x.start()
    x.complete(x.poll(), start_child(x), command(CANCEL, workflow_id=child_of(x)))
    x.history()
