"""speculative_query.py - a query while the task of an update is pending."""
import time

from kit.basic import end
from kit.query import ANSWERED
from kit.updates import Asked, answer, ask, idle, reject
from lab import payloads
from temporalio.api.query.v1 import WorkflowQueryResult


def play(x):
    idle(x)
    asked = ask(x)
    asking = Asked(x, lambda side: side.query())
    time.sleep(0.3)
    task = x.poll()
    x.say(f"== queries with the task: {len(task.queries)}, messages: {len(task.messages)}")
    answer(x, task, reject(task), show=True, query_results={
        query: WorkflowQueryResult(result_type=ANSWERED, answer=payloads("yes")) for query in task.queries})
    asked.tell()
    asking.tell()
    x.history("history after the query")
    x.signal()
    end(x)
