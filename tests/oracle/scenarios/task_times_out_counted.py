"""task_times_out_counted.py - state transitions, while the deadline of a task that was completed in time comes and goes."""
from temporalio.api.enums.v1 import EventType

from lab import command, seconds


def play(x):
    x.start(workflow_task_timeout=seconds(1))
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(200)))
    x.describe("before")
    x.signal("s")
    x.complete(x.poll(), command("start_timer", timer_id="u", start_to_fire_timeout=seconds(3)))
    x.await_events(1, event_type=EventType.EVENT_TYPE_TIMER_FIRED)
    x.describe("a timer later than the time-outs")
    x.poll()
    x.await_events(1, event_type=EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT)
    x.history()
    x.describe("after a time-out")
    x.terminate()
