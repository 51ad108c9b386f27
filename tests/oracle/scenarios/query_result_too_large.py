"""query_result_too_large.py - a buffered query whose answer comes with the task and is too large; one without an answer."""
import time

from temporalio.api.query.v1 import WorkflowQueryResult

from kit.query import ANSWERED, answer
from lab import payloads


def play(x):
    x.start()
    x.complete(x.poll())
    x.signal()
    asking = x.behind(x.query, label="large")
    time.sleep(0.5)
    task = x.poll()
    for key in task.queries:
        x.complete(task, query_results={key: WorkflowQueryResult(result_type=ANSWERED, answer=payloads("x" * 2200000))})
    asking.join(10)
    x.signal()
    asking = x.behind(x.query, label="left out by the completion")
    time.sleep(0.5)
    x.complete(x.poll())
    answer(x, x.poll(), query_result=payloads("s"))
    asking.join(10)
    x.outline()
