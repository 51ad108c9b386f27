"""runs_cron_past_the_execution.py - no run of a schedule follows when it would come after the execution's time-out."""
from kit.retry import early_in_a_second
from lab import command, seconds


def play(x):
    early_in_a_second()
    x.start(workflow_execution_timeout=seconds(3), cron_schedule="@every 2s")
    x.complete(x.poll(), command("complete_workflow_execution"))
    x.history()
    x.describe()
