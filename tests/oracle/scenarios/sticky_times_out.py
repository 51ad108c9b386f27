"""sticky_times_out.py - a sticky task that nobody polls."""
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.basic import end
from kit.task import sticky


def play(x):
    name = x.queue + "-sticky"
    x.start()
    waiting = x.behind(x.poll, sticky_of=name, label="sticky poll ahead", timeout=2.5, show=True)
    x.complete(x.poll(), sticky_attributes=sticky(name, 2))
    waiting.join(20)
    x.signal()
    x.describe("describe sticky scheduled")
    task = x.poll(show=True, label="fallen back")
    x.history("history fallen back")
    x.complete(task, sticky_attributes=sticky(name, 2))
    x.call("ResetStickyTaskQueue", api.ResetStickyTaskQueueRequest(namespace="default", execution=x.execution()), show=True)
    x.signal()
    end(x, x.poll(show=True))
