"""queue_reset_sticky.py - ResetStickyTaskQueue while a task waits on the sticky queue."""
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.basic import end
from kit.task import sticky


def play(x):
    name = x.queue + "-sticky"
    x.start()
    ahead = x.poll_ahead(name)
    x.complete(x.poll(), sticky_attributes=sticky(name))
    x.call("ResetStickyTaskQueue", api.ResetStickyTaskQueueRequest(namespace="default", execution=x.execution()),
           label="reset between tasks", show=True)
    ahead.cancel()
    x.signal()
    x.history("history after the signal")
    end(x)
