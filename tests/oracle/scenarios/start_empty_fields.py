"""start_empty_fields.py - fields that are there and empty: time-outs of zero and others, as SDKs send them."""
from temporalio.api.common.v1 import ActivityType, Header, Memo, Payloads, Priority, SearchAttributes
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.basic import end
from kit.chain import KIND, follow
from kit.children import await_type, both, start_child
from lab import command, seconds


def play(x):
    empty = dict(workflow_execution_timeout=seconds(0), workflow_run_timeout=seconds(0),
                 workflow_task_timeout=seconds(0), header=Header(), memo=Memo(), search_attributes=SearchAttributes(),
                 priority=Priority())
    x.start(**empty, input=Payloads(), workflow_start_delay=seconds(0))
    x.complete(
        x.poll(),
        command("schedule_activity_task", activity_id="a", activity_type=ActivityType(name="kind"),
                task_queue=TaskQueue(name=x.queue + "-a"), start_to_close_timeout=seconds(60),
                schedule_to_close_timeout=seconds(0), schedule_to_start_timeout=seconds(0),
                heartbeat_timeout=seconds(0), priority=Priority(), header=Header(), input=Payloads()),
        start_child(x, **empty, input=Payloads()))
    await_type(x, "CHILD_WORKFLOW_EXECUTION_STARTED")
    both(x)
    task = x.poll()
    x.complete(task, command(KIND, workflow_run_timeout=seconds(0), workflow_task_timeout=seconds(0), header=Header(),
                             memo=Memo(), search_attributes=SearchAttributes(), input=Payloads(),
                             last_completion_result=Payloads(), backoff_start_interval=seconds(0)))
    follow(x)
    end(x)
