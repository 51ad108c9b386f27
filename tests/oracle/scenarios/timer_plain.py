"""timer_plain.py - timers fire, are canceled, and take an id again."""
from kit.basic import end
from lab import command, seconds


def play(x):
    x.start()
    x.complete(x.poll(), command("start_timer", timer_id="short", start_to_fire_timeout=seconds(1)),
               command("start_timer", timer_id="long", start_to_fire_timeout=seconds(60)))
    x.describe()
    x.complete(x.poll(), command("cancel_timer", timer_id="long"))
    x.signal()
    x.complete(x.poll(), command("start_timer", timer_id="again", start_to_fire_timeout=seconds(60)),
               command("cancel_timer", timer_id="again"),
               command("start_timer", timer_id="again", start_to_fire_timeout=seconds(60)))
    x.signal()
    end(x)
