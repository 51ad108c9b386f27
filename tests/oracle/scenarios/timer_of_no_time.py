"""timer_of_no_time.py - timers of no time at all."""
from temporalio.api.enums.v1 import EventType

from kit.basic import anew
from lab import command, seconds


def play(x):
    for label, timer in {"none": command("start_timer", timer_id="t"),
                         "zero": command("start_timer", timer_id="t", start_to_fire_timeout=seconds(0))}.items():
        anew(x)
        x.complete(x.poll(), timer, label=label)
        x.await_events(2, event_type=EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED)
        x.history(label)
