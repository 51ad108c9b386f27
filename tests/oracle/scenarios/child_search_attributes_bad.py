"""child_search_attributes_bad.py - children and continuations with search attributes, memos that are refused."""
from kit.basic import TEXT, each
from kit.children import start_child
from kit.reads import json_value
from lab import command, seconds
from temporalio.api.common.v1 import RetryPolicy, SearchAttributes
from temporalio.api.taskqueue.v1 import TaskQueue

CONTINUE = "continue_as_new_workflow_execution"


def play(x):
    unknown = SearchAttributes(indexed_fields={"NoSuchAttribute": TEXT})
    own = SearchAttributes(indexed_fields={"WorkflowId": json_value(b'"w"')})
    mistyped = SearchAttributes(indexed_fields={"BatcherUser": json_value(b'7')})
    each(x, {
        "child, unknown": start_child(x, search_attributes=unknown),
        "child, the server's": start_child(x, search_attributes=own),
        "child, of another type": start_child(x, search_attributes=mistyped),
        "child, sticky queue": start_child(x, task_queue=TaskQueue(name="q" * 1001)),
        "child, reserved queue": start_child(x, task_queue=TaskQueue(name="/_sys/q/1")),
        "continue, unknown": command(CONTINUE, search_attributes=unknown),
        "continue, the server's": command(CONTINUE, search_attributes=own),
        "continue, long queue": command(CONTINUE, task_queue=TaskQueue(name="q" * 1001)),
        "continue, reserved queue": command(CONTINUE, task_queue=TaskQueue(name="/_sys/q/1")),
        "continue, retry policy": command(CONTINUE, retry_policy=RetryPolicy(backoff_coefficient=0.5)),
        "continue, task time-out": command(CONTINUE, workflow_task_timeout=seconds(-1)),
        "continue, back-off": command(CONTINUE, backoff_start_interval=seconds(-1)),
        "continue, cron": command(CONTINUE, cron_schedule="every now and then"),
    })
