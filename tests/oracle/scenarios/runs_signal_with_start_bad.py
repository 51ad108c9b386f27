"""runs_signal_with_start_bad.py - what SignalWithStart refuses, in its order."""
from google.protobuf import duration_pb2
from kit.runs import signal_with_start
from lab import seconds
from temporalio.api.common.v1 import RetryPolicy, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue


def play(x):
    signal_with_start(x, "no workflow id", workflow_id="")
    signal_with_start(x, "no signal name", signal_name="")
    signal_with_start(x, "signal name too long", signal_name="s" * 1001)
    signal_with_start(x, "no type", workflow_type=None)
    signal_with_start(x, "type too long", workflow_type=WorkflowType(name="t" * 1001))
    signal_with_start(x, "no queue", task_queue=None)
    signal_with_start(x, "queue too long", task_queue=TaskQueue(name="q" * 1001))
    signal_with_start(x, "negative run time-out", workflow_run_timeout=duration_pb2.Duration(seconds=-1))
    signal_with_start(x, "negative execution time-out", workflow_execution_timeout=duration_pb2.Duration(seconds=-1))
    signal_with_start(x, "negative task time-out", workflow_task_timeout=duration_pb2.Duration(seconds=-1))
    signal_with_start(x, "bad cron", cron_schedule="every now and then")
    signal_with_start(x, "delay and cron", cron_schedule="@every 1h", workflow_start_delay=seconds(1))
    signal_with_start(x, "negative delay", workflow_start_delay=duration_pb2.Duration(seconds=-1))
    signal_with_start(x, "bad retry policy", retry_policy=RetryPolicy(backoff_coefficient=0.5))
    signal_with_start(x, "request id too long", request_id="r" * 1001)
    signal_with_start(x, "id too long", workflow_id="w" * 1001)
