"""activity_cancel_everything.py - an activity canceled, paused and reset while it runs: what its heartbeats say."""
from temporalio.api.common.v1 import RetryPolicy

from kit.activity import application
from kit.basic import end
from kit.operations import activities, pause, reset, unpause
from lab import command, payloads, seconds


def play(x):
    activities(x, heartbeat_timeout=seconds(60), retry_policy=RetryPolicy(initial_interval=seconds(0.1)))
    task = x.poll_activity()
    x.heartbeat(task, "nothing", show=True)
    pause(x, id="a")
    x.heartbeat(task, "paused", show=True, details=payloads("p"))
    reset(x, id="a", keep_paused=True, reset_heartbeat=True)
    x.heartbeat(task, "reset", show=True)
    x.signal()
    x.complete(x.poll(), command("request_cancel_activity_task", scheduled_event_id=5))
    x.heartbeat(task, "canceled", show=True, details=payloads("c"))
    x.describe("all of it")
    unpause(x, id="a")
    x.heartbeat(task, "unpaused", show=True)
    pause(x, "pause again", id="a")
    x.fail_activity(task, application(), show=True)
    end(x)
