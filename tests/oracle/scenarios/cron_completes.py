"""cron_completes.py - runs of a schedule that complete, fail and cancel."""
from temporalio.api.common.v1 import Memo

from kit.basic import TEXT
from kit.retry import FAIL, app, early_in_a_second, follow
from lab import command, payloads


def play(x):
    early_in_a_second()
    x.start(input=payloads("in"), cron_schedule="@every 2s", memo=Memo(fields={"m": TEXT}))
    x.describe()
    x.complete(x.poll(show=True), command("complete_workflow_execution", result=payloads("out")))
    follow(x)
    x.complete(x.poll(show=True), command(FAIL, failure=app()))
    follow(x)
    x.complete(x.poll(), command("cancel_workflow_execution"))
    x.history()
