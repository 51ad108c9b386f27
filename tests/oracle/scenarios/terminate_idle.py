"""terminate_idle.py - termination between tasks, with timers and activities pending."""
from lab import command, seconds


def play(x):
    x.start()
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60)),
               command("schedule_activity_task", activity_id="a", start_to_close_timeout=seconds(5)))
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60)))
    x.terminate(reason="because")
    x.history()
    x.describe()
