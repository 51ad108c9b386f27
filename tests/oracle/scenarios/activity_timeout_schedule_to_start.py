"""activity_timeout_schedule_to_start.py - schedule-to-start of an activity with a retry policy."""
from kit.activity import activity
from kit.basic import end
from lab import seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, schedule_to_start_timeout=seconds(1)))
    end(x)
