"""external_in_the_last_task.py - a signal and a cancellation asked for by the task that ends the run."""
from kit.children import CANCEL, SIGNAL, execution, looking_at, other
from lab import command


def play(x):
    name, run_id = other(x)
    x.start()
    x.complete(x.poll(), command(SIGNAL, execution=execution(name), signal_name="s"),
               command(CANCEL, workflow_id=name), command("complete_workflow_execution"))
    x.history()
    with looking_at(x, name, run_id):
        x.history("history of the other")
