"""runs_execution_timeout_of_a_chain.py - the execution's time-out counts from the first run of a chain."""
from kit.runs import follow
from lab import command, seconds


def play(x):
    x.start(workflow_execution_timeout=seconds(3), workflow_run_timeout=seconds(60))
    x.history("first")
    x.complete(x.poll(), command("continue_as_new_workflow_execution"))
    follow(x)
    x.history("second")
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60)))
    x.await_close()
    x.history("second, timed out")
    x.describe()
