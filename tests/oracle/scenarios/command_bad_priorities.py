"""command_bad_priorities.py - priorities, queues and retry policies of activities that are refused."""
from temporalio.api.common.v1 import Priority, RetryPolicy
from temporalio.api.taskqueue.v1 import TaskQueue

from kit.activity import activity
from kit.basic import each
from lab import command, seconds


def play(x):
    each(x, {
        "priority": activity(x, priority=Priority(priority_key=-1)), "high": activity(x, priority=Priority(priority_key=6)),
        "fairness key": activity(x, priority=Priority(fairness_key="f" * 65)),
        "fairness weight": activity(x, priority=Priority(fairness_weight=-1)),
        "server's queue": activity(x, task_queue=TaskQueue(name="temporal-sys-per-ns-tq")),
        "interval": activity(x, retry_policy=RetryPolicy(initial_interval=seconds(-1))),
        "intervals": activity(x, retry_policy=RetryPolicy(initial_interval=seconds(2), maximum_interval=seconds(1))),
        "longest": activity(x, retry_policy=RetryPolicy(maximum_interval=seconds(-1))),
        "unknown activity": command("request_cancel_activity_task", scheduled_event_id=77),
        "no activity": command("request_cancel_activity_task"),
        "long timer": command("cancel_timer", timer_id="x" * 1001),
    })
