"""runs_cron_ended.py - a cron workflow is cancelled, and another is terminated: no run follows."""
from kit.basic import anew
from kit.runs import follow
from lab import command


def play(x):
    x.start(cron_schedule="@every 1s")
    x.complete(x.poll(), command("fail_workflow_execution"))
    follow(x)
    x.cancel()
    x.history("cancel requested in back-off")
    x.complete(x.poll(), command("cancel_workflow_execution"))
    x.history("canceled")
    x.describe()
    anew(x)
    x.terminate()
    x.start(cron_schedule="@every 1s")
    x.terminate()
    x.history("terminated")
    x.describe()
