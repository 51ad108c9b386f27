"""limits_blob_of_activities.py - what activities answer and beat with, at the limit and past it."""
from kit import limited
from kit.activity import ONCE, activity, application
from kit.basic import end
from kit.limited import sized

SETTINGS = limited.PAYLOADS


def beat_at_the_limit(x, task):
    x.heartbeat(task, label="heartbeat of 1000", details=sized(1000))
    x.complete_activity(task, result=sized(1000))


ANSWERS = {
    "at the limit": beat_at_the_limit,
    "heartbeat of 1001": lambda x, task: x.heartbeat(task, label="heartbeat of 1001", show=True, details=sized(1001)),
    "result of 1001": lambda x, task: x.complete_activity(task, label="result of 1001", result=sized(1001)),
    "failure of 2000": lambda x, task: x.fail_activity(task, application("x" * 2000), "failure of 2000", True),
    "last beat of 1001": lambda x, task: x.fail_activity(task, application(), "last beat of 1001", True,
                                                         last_heartbeat_details=sized(1001)),
}


def play(x):
    x.start()
    for label, tell in ANSWERS.items():
        x.complete(x.poll(), activity(x, activity_id=label, retry_policy=ONCE))
        tell(x, x.poll_activity())
    end(x)
