"""activity_timeout_schedule_to_close_started.py - schedule-to-close of a running activity."""
from kit.activity import activity
from kit.basic import end
from lab import seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=None, schedule_to_close_timeout=seconds(2)))
    task = x.poll_activity()
    done = x.poll()
    x.complete_activity(task, label="too late")
    end(x, done)
