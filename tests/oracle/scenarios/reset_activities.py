"""reset_activities.py - pending activities of the fork begin anew: not started, started, failed and backing off."""
from temporalio.api.common.v1 import ActivityType, RetryPolicy
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.basic import end
from kit.reset import at, reset
from lab import command, payloads, seconds


def play(x):
    x.start()
    base = x.run_id

    def activity(name, queue):
        return command("schedule_activity_task", activity_id=name, activity_type=ActivityType(name="act"),
                       task_queue=TaskQueue(name=queue), input=payloads("in"), start_to_close_timeout=seconds(60),
                       schedule_to_close_timeout=seconds(120), heartbeat_timeout=seconds(30),
                       retry_policy=RetryPolicy(initial_interval=seconds(60)))

    x.complete(x.poll(), activity("started", x.queue))
    started = x.poll_activity()
    x.signal("one")
    x.complete(x.poll(), activity("fails", x.queue))
    failing = x.poll_activity()
    x.fail_activity(failing, Failure(message="x", application_failure_info=ApplicationFailureInfo(type="T")))
    x.heartbeat(started, details=payloads("beat"))
    x.signal("two")
    x.complete(x.poll(), activity("nobody", x.queue + "-nobody"))
    x.signal("three")
    reset(x, 14)
    at(x, base, x.history, "history of the base")
    x.history("history of the new run")
    x.describe("describe the new run")
    x.complete_activity(started, label="answer of the base run's worker")
    tasks = [x.poll_activity(), x.poll_activity()]
    for task in sorted(tasks, key=lambda t: t.activity_id):
        x.complete_activity(task)
    end(x)
