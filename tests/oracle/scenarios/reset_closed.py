"""reset_closed.py - a completed run is reset, then a failed one is, by its run id."""
from temporalio.api.failure.v1 import Failure

from kit.basic import end
from kit.reset import both_runs, reset
from lab import command


def play(x):
    x.start()
    base = x.run_id
    x.complete(x.poll())
    x.signal("one")
    x.complete(x.poll(), command("complete_workflow_execution"))
    reset(x, 4)
    both_runs(x, base)
    second = x.run_id
    x.complete(x.poll(), command("fail_workflow_execution", failure=Failure(message="x")))
    reset(x, 4, run_id=second, label="reset of the reset")
    both_runs(x, second)
    end(x)
