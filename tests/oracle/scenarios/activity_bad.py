"""activity_bad.py - activities whose attributes are refused."""
from google.protobuf import duration_pb2
from temporalio.api.common.v1 import ActivityType, RetryPolicy
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.activity import activity
from kit.basic import each
from lab import command, seconds


def play(x):
    long = "x" * 1001
    cases = {
        "no id": activity(x, ""), "no type": activity(x, activity_type=None),
        "empty type": activity(x, activity_type=ActivityType()),
        "no timeouts": activity(x, start_to_close_timeout=None),
        "negative": activity(x, start_to_close_timeout=duration_pb2.Duration(seconds=-1)),
        "negative heartbeat": activity(x, heartbeat_timeout=duration_pb2.Duration(seconds=-1)),
        "negative s2s": activity(x, schedule_to_start_timeout=duration_pb2.Duration(seconds=-1)),
        "negative s2c": activity(x, schedule_to_close_timeout=duration_pb2.Duration(seconds=-1)),
        "only s2s": activity(x, start_to_close_timeout=None, schedule_to_start_timeout=seconds(5)),
        "long id": activity(x, long), "long type": activity(x, activity_type=ActivityType(name=long)),
        "long queue": activity(x, task_queue=TaskQueue(name=long)),
        "bad retry": activity(x, retry_policy=RetryPolicy(maximum_attempts=-1)),
        "bad retry coefficient": activity(x, retry_policy=RetryPolicy(backoff_coefficient=0.1)),
        "no attributes": command("schedule_activity_task"),
        "reserved queue": activity(x, task_queue=TaskQueue(name="/_sys/x")),
    }
    each(x, cases)
    x.complete(x.poll(), activity(x, "same"), force_create_new_workflow_task=True)
    x.complete(x.poll(), activity(x, "same"), label="same id twice")
    x.complete(x.poll(), activity(x, "noqueue", task_queue=None), label="no queue")
    x.history()
