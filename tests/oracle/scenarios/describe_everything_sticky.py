"""describe_everything_sticky.py - a run of a sticky worker, with all that can be pending, described at each step."""
from kit.activity import activity, application
from kit.children import await_type
from temporalio.api.common.v1 import RetryPolicy, WorkflowType
from temporalio.api.taskqueue.v1 import StickyExecutionAttributes, TaskQueue

from lab import command, payloads, seconds


def play(x):
    x.start()
    sticky = x.queue + "-sticky"
    attributes = StickyExecutionAttributes(worker_task_queue=TaskQueue(name=sticky, kind=2, normal_name=x.queue),
                                           schedule_to_start_timeout=seconds(60))
    task = x.poll()
    ahead = x.poll_ahead(sticky)
    nobody = TaskQueue(name=x.queue + "-nobody")
    x.complete(
        task,
        activity(x, "started", heartbeat_timeout=seconds(90), retry_policy=RetryPolicy(initial_interval=seconds(5))),
        activity(x, "waiting", task_queue=nobody),
        command("start_timer", timer_id="t", start_to_fire_timeout=seconds(100)),
        command("start_child_workflow_execution", workflow_id=x.workflow_id + "-child",
                workflow_type=WorkflowType(name="child"), task_queue=nobody),
        sticky_attributes=attributes)
    await_type(x, "WORKFLOW_TASK_STARTED", 2)
    x.describe("while the sticky task is started")
    x.complete(ahead.result(), sticky_attributes=attributes)
    x.describe("idle")
    started = x.poll_activity()
    x.describe("with a started activity")
    ahead = x.poll_ahead(sticky)
    x.cancel()
    await_type(x, "WORKFLOW_TASK_STARTED", 3)
    x.describe("cancel requested")
    x.complete(ahead.result(), sticky_attributes=attributes)
    x.fail_activity(started, application("once", details=payloads("d")))
    x.describe("while the activity backs off")
    x.terminate(reason="why")
    x.history()
    x.describe("closed")
