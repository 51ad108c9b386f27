"""reset_start_delay.py - a run that began late, with cron and a memo, is reset."""
from temporalio.api.common.v1 import Memo

from kit.basic import TEXT, end
from kit.reset import both_runs, reset
from lab import seconds


def play(x):
    x.start(workflow_start_delay=seconds(1), workflow_run_timeout=seconds(100), memo=Memo(fields={"m": TEXT}))
    base = x.run_id
    x.complete(x.poll())
    reset(x, 4)
    both_runs(x, base)
    end(x)
