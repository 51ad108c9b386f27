"""pause_task.py - a workflow is paused while its task is scheduled, and while it is started."""
from kit.basic import anew, end
from kit.pause import SETTINGS, pause, unpause  # noqa: F401 the runner reads SETTINGS
from lab import command, seconds


def play(x):
    x.start()
    pause(x, "scheduled")
    x.describe("describe: scheduled")
    unpause(x)
    end(x)
    anew(x)
    task = x.poll()
    pause(x, "started")
    x.describe("describe: started")
    x.signal()
    x.complete(task, command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60)))
    x.history("history: completed while paused")
    x.describe("describe: completed while paused")
    unpause(x)
    end(x)
    anew(x)
    task = x.poll()
    pause(x, "fails")
    x.fail_task(task)
    x.describe("describe: failed while paused")
    unpause(x)
    end(x)
