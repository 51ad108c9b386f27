"""problems_bad_commands.py - bad commands from a second attempt on are left to the time-out."""
from kit.task import CAUSE, OOPS
from lab import command


def play(x):
    x.start()
    for _ in range(4):
        x.fail_task(x.poll(), cause=CAUSE, failure=OOPS)
    x.complete(x.poll(), command("cancel_timer", timer_id="none"), label="bad command in attempt 5")
    x.describe()
    x.history()
