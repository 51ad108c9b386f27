"""queue_fair_rate.py - a rate of zero for fairness keys holds nothing back, unlike one of the queue; keys are told."""
from kit.activity import activity
from temporalio.api.common.v1 import Priority
from temporalio.api.taskqueue.v1 import RateLimit, TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

NOTHING = api.UpdateTaskQueueConfigRequest.RateLimitUpdate(rate_limit=RateLimit(requests_per_second=0))


def play(x):
    def poll(timeout):
        return x.call("PollActivityTaskQueue", api.PollActivityTaskQueueRequest(
            namespace="default", task_queue=TaskQueue(name=x.queue), identity="worker"), timeout=timeout)

    x.start(priority=Priority(fairness_key="tenant", fairness_weight=2.0))
    x.call("UpdateTaskQueueConfig", api.UpdateTaskQueueConfigRequest(
        namespace="default", task_queue=x.queue, task_queue_type=2, update_fairness_key_rate_limit_default=NOTHING))
    x.say(f"== before: {bool(poll(2.5).task_token)}")  # whoever dispatches has read the rate
    x.complete(x.poll(), activity(x, "one"), activity(x, "two", priority=Priority(fairness_key="other")))
    tasks = [poll(20), poll(20)]
    x.say(f"== told: {sorted((t.activity_id, t.priority.fairness_key, t.priority.fairness_weight) for t in tasks)}")
    x.terminate()
