"""update_starts_an_activity.py - commands beside the messages: an activity that an update asks for."""
from kit.basic import end
from kit.updates import ACCEPTED, COMPLETED, Asked, accept, answer, ask, done, idle, poll_update
from lab import command, payloads, seconds
from temporalio.api.common.v1 import ActivityType
from temporalio.api.taskqueue.v1 import TaskQueue


def play(x):
    idle(x)
    asked = ask(x, stage=ACCEPTED)
    task = x.poll()
    answer(x, task, accept(task), commands=[
        command("schedule_activity_task", activity_id="a", activity_type=ActivityType(name="act"),
                task_queue=TaskQueue(name=x.queue), start_to_close_timeout=seconds(30))])
    asked.tell()
    waiting = Asked(x, poll_update, stage=COMPLETED)
    x.complete_activity(x.poll_activity(), result=payloads("r"))
    task = x.poll(show=True)
    answer(x, task, done())
    waiting.tell()
    x.signal()
    end(x)
