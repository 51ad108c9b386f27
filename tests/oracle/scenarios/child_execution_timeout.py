"""child_execution_timeout.py - a child whose chain of runs outlasts its execution's time-out; its parent is told once."""
from kit.children import await_type, child_of, child_run, looking_at, parent_and_child
from lab import command, seconds


def play(x):
    parent_and_child(x, workflow_execution_timeout=seconds(2.5), workflow_run_timeout=seconds(60))
    first = child_run(x)
    x.complete(x.poll(queue=x.queue + "-c"), command("continue_as_new_workflow_execution",
                                                     workflow_run_timeout=seconds(40)))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_TIMED_OUT")
    x.history()
    with looking_at(x, child_of(x), first):
        x.history("the first run")
    with looking_at(x, child_of(x)):
        x.history("the last run")
        x.describe("the last run")
