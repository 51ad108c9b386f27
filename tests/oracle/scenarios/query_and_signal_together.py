"""query_and_signal_together.py - a query beside a signal; then one alone that fails without a word, and is answered again."""
import time

from temporalio.api.query.v1 import WorkflowQueryResult

from kit.basic import end
from kit.query import ANSWERED, FAILED, answer
from lab import payloads


def play(x):
    x.start()
    task = x.poll()
    asking = x.behind(x.query, "one", label="one")
    time.sleep(0.3)
    x.signal()
    x.complete(task)
    task = x.poll()
    (key,) = task.queries
    x.complete(task, query_results={key: WorkflowQueryResult(result_type=ANSWERED, answer=payloads("p"))})
    asking.join(10)
    asking = x.behind(x.query, "two", label="two")
    task = x.poll()
    answer(x, task, FAILED, query_result=payloads("two"), label="failed without a word")
    asking.join(10)
    answer(x, task, ANSWERED, query_result=payloads("again"), label="answer again")
    x.signal()
    end(x)
