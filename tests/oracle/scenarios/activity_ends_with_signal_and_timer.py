"""activity_ends_with_signal_and_timer.py - an activity, a timer and signals in the buffer together."""
import time

from kit.activity import ONCE, activity
from kit.basic import end
from lab import command, seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, retry_policy=ONCE), command("start_timer", timer_id="t",
                                                                 start_to_fire_timeout=seconds(1)),
               force_create_new_workflow_task=True)
    task = x.poll()
    running = x.poll_activity()
    x.signal("one")
    x.complete_activity(running)
    time.sleep(1.5)
    x.signal("two")
    x.complete(task)
    end(x)
