"""queue_scaling.py - what polls are told about their number: idle ones, those that meet a backlog, empty answers."""
import time

from kit.activity import activity
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api


def play(x):
    def advice(task):
        return task.poller_scaling_decision.poll_request_delta_suggestion

    def met_by(poll, make):
        """What a poll gets that waits for more than a second before the task is made."""
        found = []
        waiting = x.behind(lambda: found.append(poll()))
        time.sleep(1.3)
        make()
        waiting.join()
        return found[0]

    x.start()
    x.complete(x.poll())
    task = met_by(x.poll, x.signal)
    x.say(f"== idle: {advice(task)}")
    started = met_by(x.poll_activity, lambda: x.complete(task, activity(x)))
    x.say(f"== idle, for an activity: {advice(started)}")
    x.complete_activity(started)
    x.complete(x.poll())
    queried = []
    task = met_by(x.poll, lambda: queried.append(x.behind(x.query)))
    x.say(f"== idle, for a query: {advice(task)}")
    x.call("RespondQueryTaskCompleted", api.RespondQueryTaskCompletedRequest(
        namespace="default", task_token=task.task_token, completed_type=1))
    queried[0].join()

    # Which of the reference's partitions has the backlog, and which has the poll, is chance: one of many will do.
    x.signal()
    x.complete(x.poll(), *(activity(x, str(n)) for n in range(24)))
    time.sleep(0.6)
    found = {advice(x.poll_activity()) for _ in range(24)}
    x.say(f"== for a backlog: {max(found)}, down: {-1 in found}")

    empty = x.call("PollWorkflowTaskQueue", api.PollWorkflowTaskQueueRequest(
        namespace="default", task_queue=TaskQueue(name=x.queue + "-none"), identity="worker"), timeout=2.5)
    x.say(f"== empty: {empty.HasField('poller_scaling_decision')}, {empty.backlog_count_hint}")
    x.terminate()
