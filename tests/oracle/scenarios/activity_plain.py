"""activity_plain.py - an activity from its schedule to its result, with header, summary and priority."""
from temporalio.api.common.v1 import Header, Priority
from temporalio.api.sdk.v1 import UserMetadata

from kit.activity import activity
from kit.basic import TEXT, end
from lab import payloads


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, header=Header(fields={"h": TEXT}), user_metadata=UserMetadata(summary=TEXT),
                                  priority=Priority(priority_key=1)))
    x.describe("describe scheduled")
    task = x.poll_activity(show=True)
    x.describe("describe started")
    x.complete_activity(task, result=payloads("r"))
    x.heartbeat(task, label="heartbeat after completion")
    task2 = x.poll(show=True)
    end(x, task2)
