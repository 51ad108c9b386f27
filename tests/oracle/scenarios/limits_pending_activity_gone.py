"""limits_pending_activity_gone.py - an activity that ended leaves room for another one."""
from temporalio.api.taskqueue.v1 import TaskQueue

from kit import limited
from kit.activity import activity
from kit.basic import end

ELSEWHERE = {"task_queue": TaskQueue(name="nobody's")}
SETTINGS = limited.PENDING


def play(x):
    x.start()
    x.complete(x.poll(), activity(x, activity_id="a"), activity(x, activity_id="b", **ELSEWHERE))
    x.complete_activity(x.poll_activity())
    x.complete(x.poll(), activity(x, activity_id="c"))
    x.complete_activity(x.poll_activity())
    end(x)
