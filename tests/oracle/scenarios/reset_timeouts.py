"""reset_timeouts.py - the time-outs of execution and run count from the reset."""
from kit.basic import end
from kit.reset import both_runs, reset
from lab import command, seconds


def play(x):
    x.start(workflow_execution_timeout=seconds(1000), workflow_run_timeout=seconds(400), workflow_task_timeout=seconds(7))
    base = x.run_id
    x.complete(x.poll())
    reset(x, 4)
    both_runs(x, base)
    x.complete(x.poll(), command("continue_as_new_workflow_execution"))
    x.run_id = ""
    x.describe("describe the run after the reset run")
    end(x)
