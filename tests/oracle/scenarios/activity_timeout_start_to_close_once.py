"""activity_timeout_start_to_close_once.py - start-to-close without retries, and an answer that comes too late."""
from kit.activity import ONCE, activity
from kit.basic import end
from lab import seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, start_to_close_timeout=seconds(1), retry_policy=ONCE))
    task = x.poll_activity()
    done = x.poll()
    x.complete_activity(task, label="too late")
    end(x, done)
