"""queue_config.py - rates and weights of a task queue: set, shown, unset, refused."""
from temporalio.api.taskqueue.v1 import RateLimit, TaskQueue
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

Change = api.UpdateTaskQueueConfigRequest.RateLimitUpdate


def rate(number, reason=""):
    return Change(rate_limit=RateLimit(requests_per_second=number), reason=reason)


def play(x):
    def update(label, kind=2, **fields):
        x.call("UpdateTaskQueueConfig", api.UpdateTaskQueueConfigRequest(
            namespace="default", task_queue=x.queue, task_queue_type=kind, **fields), label=label, show=True)

    def describe(label, kind=2):
        found = x.call("DescribeTaskQueue", api.DescribeTaskQueueRequest(
            namespace="default", task_queue=TaskQueue(name=x.queue), task_queue_type=kind, report_config=True))
        x.show(label, found.config)
        x.say(f"  configured: {found.HasField('config')}, limited by {found.effective_rate_limit.rate_limit_source}")

    describe("nothing is set")
    update("set", identity="me", update_queue_rate_limit=rate(5, "slow"))
    describe("after that")
    describe("the other type", 1)
    update("fairness", update_fairness_key_rate_limit_default=rate(2), set_fairness_weight_overrides={"a": 2.0})
    update("unset", identity="you", update_queue_rate_limit=Change(reason="done"),
           unset_fairness_weight_overrides=["a", "nobody"])
    describe("after that")
    update("on a workflow queue", 1, update_queue_rate_limit=rate(1))
    update("fairness on a workflow queue", 1, update_fairness_key_rate_limit_default=rate(1))
    update("negative", update_queue_rate_limit=rate(-1))
    update("negative fairness", update_fairness_key_rate_limit_default=rate(-1))
    update("a long reason", update_queue_rate_limit=rate(1, "x" * 1001))
    update("a long identity", identity="x" * 1001)
    update("set and unset", set_fairness_weight_overrides={"a": 1.0}, unset_fairness_weight_overrides=["a"])
    update("no key", set_fairness_weight_overrides={"": 1.0})
    update("no key to unset", unset_fairness_weight_overrides=[""])
    update("a long key", set_fairness_weight_overrides={"x" * 65: 1.0})
    update("no weight", set_fairness_weight_overrides={"a": 0.0})
    update("many", set_fairness_weight_overrides={f"k{n}": 1.0 for n in range(1001)})
