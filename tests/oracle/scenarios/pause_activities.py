"""pause_activities.py - activities of a paused workflow: scheduled, started, in back-off."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import activity, application
from kit.basic import anew, end
from kit.pause import SETTINGS, pause, unpause  # noqa: F401 the runner reads SETTINGS
from lab import seconds


def play(x):
    x.start()
    x.complete(x.poll(), activity(x))
    pause(x, "scheduled")
    x.describe("describe: scheduled")
    x.poll_activity(timeout=1.0, label="no task")
    unpause(x)
    x.complete_activity(x.poll_activity())
    end(x)
    anew(x)
    x.complete(x.poll(), activity(x, heartbeat_timeout=seconds(20)))
    task = x.poll_activity()
    pause(x, "started")
    x.heartbeat(task, show=True)
    x.describe("describe: started")
    x.complete_activity(task)
    x.history("history: completed while paused")
    unpause(x)
    end(x)
    anew(x)
    x.complete(x.poll(), activity(x, retry_policy=RetryPolicy(initial_interval=seconds(1))))
    task = x.poll_activity()
    pause(x, "fails")
    x.fail_activity(task, application())
    x.describe("describe: in back-off")
    unpause(x)
    x.complete_activity(x.poll_activity())
    end(x)
