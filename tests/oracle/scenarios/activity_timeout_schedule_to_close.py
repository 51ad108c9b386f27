"""activity_timeout_schedule_to_close.py - schedule-to-close of an activity that nobody polled."""
from kit.activity import activity
from kit.basic import end
from lab import seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=None, schedule_to_close_timeout=seconds(1)))
    end(x)
