"""query_waits_for_a_delayed_task.py - a query with the time to wait for a delayed run's first task comes with that task."""
from temporalio.api.query.v1 import WorkflowQueryResult

from kit.query import ANSWERED
from lab import payloads, seconds


def play(x):
    x.start(workflow_start_delay=seconds(2))
    asking = x.behind(x.query, timeout=20)
    task = x.poll()
    x.say(f"== queries with the task: {len(task.queries)}")
    for key in task.queries:
        x.complete(task, query_results={key: WorkflowQueryResult(result_type=ANSWERED, answer=payloads("yes"))})
    asking.join(15)
    x.history()
