"""activity_timeout_schedule_to_start_once.py - schedule-to-start of an activity without retries."""
from kit.activity import ONCE, activity
from kit.basic import end
from lab import seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, schedule_to_start_timeout=seconds(1), retry_policy=ONCE))
    end(x)
