"""reset_timers.py - timers of the fork stand: one that has fired in the base since fires again."""
from temporalio.api.enums.v1 import EventType

from kit.basic import end
from kit.reset import both_runs, reset
from lab import command, seconds

FIRED = EventType.Value("EVENT_TYPE_TIMER_FIRED")


def play(x):
    x.start()
    base = x.run_id
    x.complete(x.poll(), command("start_timer", timer_id="short", start_to_fire_timeout=seconds(1)),
               command("start_timer", timer_id="long", start_to_fire_timeout=seconds(600)))
    x.signal("one")
    x.complete(x.poll())
    x.await_events(1, event_type=FIRED)
    reset(x, 10)
    x.await_events(1, event_type=FIRED)
    both_runs(x, base)
    end(x)
