"""query_closes_with_the_task.py - a query that waits for a task which closes the run."""
import time

from kit.query import answer
from lab import command, payloads


def play(x):
    x.start()
    x.complete(x.poll())
    x.signal()
    asking = x.behind(x.query)
    time.sleep(0.5)
    x.complete(x.poll(), command("complete_workflow_execution"))
    answer(x, x.poll(show=True), query_result=payloads("s"))
    asking.join(10)
    x.outline()
