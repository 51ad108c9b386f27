"""cron_continued_as_new.py - a run of a schedule that continues as new."""
from kit.basic import end
from kit.retry import early_in_a_second, follow
from lab import command, seconds


def play(x):
    early_in_a_second()
    x.start(cron_schedule="@every 2s")
    x.complete(x.poll(), command("continue_as_new_workflow_execution", cron_schedule="nonsense", backoff_start_interval=seconds(2)))
    follow(x)
    end(x, x.poll(show=True))
