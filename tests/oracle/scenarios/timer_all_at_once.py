"""timer_all_at_once.py - five timers that are due together."""
from temporalio.api.enums.v1 import EventType

from kit.basic import end
from lab import command, seconds


def play(x):
    x.start()
    x.complete(x.poll(), *[command("start_timer", timer_id=f"t{i}", start_to_fire_timeout=seconds(1)) for i in range(5)])
    x.await_events(5, event_type=EventType.EVENT_TYPE_TIMER_FIRED)
    end(x)
