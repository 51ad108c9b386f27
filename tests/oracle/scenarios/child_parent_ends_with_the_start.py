"""child_parent_ends_with_the_start.py - a child asked for by the task that ends its parent."""
from kit.children import ABANDON, child_of, looking_at, start_child
from lab import command


def play(x):
    x.start()
    x.complete(x.poll(), start_child(x, parent_close_policy=ABANDON), command("complete_workflow_execution"))
    x.history()
    x.describe()
    with looking_at(x, child_of(x)):
        x.describe("describe the child")
