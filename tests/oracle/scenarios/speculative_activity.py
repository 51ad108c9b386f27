"""speculative_activity.py - what activities do while the task of an update is pending makes it a normal one."""
from kit.basic import end
from kit.updates import answer, ask, reject
from lab import command, seconds
from temporalio.api.common.v1 import ActivityType
from temporalio.api.taskqueue.v1 import TaskQueue


def play(x):
    x.start()
    x.complete(x.poll(), command("schedule_activity_task", activity_id="a", activity_type=ActivityType(name="act"),
                                 task_queue=TaskQueue(name=x.queue), start_to_close_timeout=seconds(30)))
    asked = ask(x, "starts")
    activity = x.poll_activity()
    x.history("history with the started activity")
    task = x.poll(show=True)
    answer(x, task, reject(task, "starts"), show=True)
    asked.tell()
    asked = ask(x, "beats")
    task = x.poll(show=True)
    x.heartbeat(activity)
    x.history("history with the heartbeat")
    answer(x, task, reject(task, "beats"), show=True, label="answer after the heartbeat")
    asked.tell()
    x.complete_activity(activity)
    end(x)
