"""timer_canceled_after_it_fired.py - a timer whose firing is buffered is canceled."""
import time

from kit.basic import end
from lab import command, seconds


def play(x):
    x.start()
    x.complete(x.poll(), command("start_timer", timer_id="short", start_to_fire_timeout=seconds(1)),
               force_create_new_workflow_task=True)
    task = x.poll()
    time.sleep(1.5)
    x.complete(task, command("cancel_timer", timer_id="short"))
    x.outline()
    x.signal()
    end(x)
