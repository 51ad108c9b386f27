"""timer_fires_while_started.py - a timer fires while a workflow task runs."""
import time

from kit.basic import end
from lab import command, seconds


def play(x):
    x.start()
    x.complete(x.poll(), command("start_timer", timer_id="short", start_to_fire_timeout=seconds(1)),
               force_create_new_workflow_task=True)
    task = x.poll()
    time.sleep(1.5)
    x.outline()
    x.complete(task)
    end(x)
