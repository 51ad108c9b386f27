"""query_with_a_task_scheduled.py - a query that rides with a workflow task."""
import time

from temporalio.api.query.v1 import WorkflowQueryResult

from kit.query import ANSWERED
from lab import payloads


def play(x):
    x.start()
    x.complete(x.poll())
    x.signal()
    asking = x.behind(x.query)
    time.sleep(0.5)
    task = x.poll()
    x.say(f"== queries with the task: {len(task.queries)} {bool(task.query.query_type)}")
    for key, value in task.queries.items():
        x.show("buffered query", value)
        x.complete(task, query_results={key: WorkflowQueryResult(result_type=ANSWERED, answer=payloads("yes"))})
    asking.join(15)
    x.history()
