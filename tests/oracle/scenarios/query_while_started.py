"""query_while_started.py - a query while a workflow task runs."""
import time

from temporalio.api.query.v1 import WorkflowQueryResult

from kit.query import ANSWERED, answer
from lab import payloads


def play(x):
    x.start()
    x.complete(x.poll())
    x.signal()
    task = x.poll()
    asking = x.behind(x.query)
    time.sleep(0.5)
    x.complete(task)
    task = x.poll(show=True, label="query task after the completion")
    if task.HasField("query"):
        answer(x, task, query_result=payloads("yes"))
    else:
        for key in task.queries:
            x.complete(task, query_results={key: WorkflowQueryResult(result_type=ANSWERED, answer=payloads("yes"))})
    asking.join(15)
    x.history()
