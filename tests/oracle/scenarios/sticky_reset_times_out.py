"""sticky_reset_times_out.py - ResetStickyTaskQueue while a task is scheduled: its schedule-to-start time-out stays."""
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

from kit.basic import end
from kit.task import sticky


def play(x):
    name = x.queue + "-sticky"
    x.start()
    ahead = x.poll_ahead(name)
    x.complete(x.poll(), sticky_attributes=sticky(name, 2))
    ahead.cancel()
    x.signal()
    x.call("ResetStickyTaskQueue", api.ResetStickyTaskQueueRequest(namespace="default", execution=x.execution()))
    x.await_events(1, event_type=EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT)
    x.history("timed out")
    end(x)
