"""activity_heartbeat_empty_then_time_out.py - a time-out tells of heartbeat details that were there and empty."""
from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import EventType

from kit.activity import ONCE, activity
from kit.basic import end
from lab import seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, heartbeat_timeout=seconds(1), retry_policy=ONCE))
    x.heartbeat(x.poll_activity(), details=Payloads())
    x.await_events(1, event_type=EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT)
    end(x)
