"""activity.py - activities: commands and failures."""
from temporalio.api.common.v1 import ActivityType, RetryPolicy
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.taskqueue.v1 import TaskQueue

from lab import command, payloads, seconds


def activity(x, activity_id="a", **changes):
    fields = dict(activity_id=activity_id, activity_type=ActivityType(name="act-type"), task_queue=TaskQueue(name=x.queue),
                  input=payloads("in"), start_to_close_timeout=seconds(30))
    fields.update(changes)
    return command("schedule_activity_task", **{k: v for k, v in fields.items() if v is not None})


def application(message="bad", **info):
    return Failure(message=message, source="test", application_failure_info=ApplicationFailureInfo(type="Bad", **info))


ONCE = RetryPolicy(maximum_attempts=1)
