"""cron_times_out.py - a run of a schedule that times out."""
from kit.retry import early_in_a_second, follow
from lab import seconds


def play(x):
    early_in_a_second()
    x.start(cron_schedule="@every 2s", workflow_run_timeout=seconds(2))
    x.await_close()
    follow(x)
    x.history()
