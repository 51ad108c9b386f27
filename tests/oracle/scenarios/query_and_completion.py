"""query_and_completion.py - a query answered by the task that ends the run."""
import time

from temporalio.api.query.v1 import WorkflowQueryResult

from kit.query import ANSWERED
from lab import command, payloads


def play(x):
    x.start()
    x.complete(x.poll())
    x.signal()
    asking = x.behind(x.query)
    time.sleep(0.5)
    task = x.poll()
    for key in task.queries:
        x.complete(task, command("complete_workflow_execution"),
                   query_results={key: WorkflowQueryResult(result_type=ANSWERED, answer=payloads("yes"))})
    asking.join(15)
    x.outline()
