"""query_task_fails.py - a query whose workflow task fails."""
import time

from temporalio.api.query.v1 import WorkflowQueryResult

from kit.query import ANSWERED
from kit.task import OOPS
from lab import payloads


def play(x):
    x.start()
    x.complete(x.poll())
    x.signal()
    asking = x.behind(x.query)
    time.sleep(0.5)
    x.fail_task(x.poll(), failure=OOPS)
    task = x.poll()
    x.say(f"== queries on the second attempt: {len(task.queries)} {bool(task.query.query_type)}")
    for key in task.queries:
        x.complete(task, query_results={key: WorkflowQueryResult(result_type=ANSWERED, answer=payloads("yes"))})
    asking.join(15)
    x.outline()
