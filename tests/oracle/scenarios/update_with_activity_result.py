"""update_with_activity_result.py - the result of an activity comes while the task of an update is scheduled."""
from kit.basic import end
from kit.updates import answer, ask, reject
from lab import command, payloads, seconds
from temporalio.api.common.v1 import ActivityType
from temporalio.api.taskqueue.v1 import TaskQueue


def play(x):
    x.start()
    x.complete(x.poll(), command("schedule_activity_task", activity_id="a", activity_type=ActivityType(name="act"),
                                 task_queue=TaskQueue(name=x.queue), start_to_close_timeout=seconds(30)))
    activity = x.poll_activity()
    asked = ask(x)
    x.complete_activity(activity, result=payloads("r"))
    task = x.poll(show=True)
    answer(x, task, reject(task))
    asked.tell()
    x.history("history after the rejection")
    x.signal()
    end(x)
