"""task_bad_commands_twice.py - a worker that answers with bad commands twice."""
from lab import command


def play(x):
    x.start()
    for i in range(2):
        x.complete(x.poll(show=True), command("cancel_timer", timer_id="none"), label=f"bad {i}")
        x.outline()
        x.describe()
