"""query_results_fail.py - a failed query result of a workflow task."""
import time

from temporalio.api.query.v1 import WorkflowQueryResult

from kit.query import FAILED
from kit.task import OOPS


def play(x):
    x.start()
    x.complete(x.poll())
    x.signal()
    asking = x.behind(x.query)
    time.sleep(0.5)
    task = x.poll()
    for key in task.queries:
        x.complete(task, query_results={key: WorkflowQueryResult(result_type=FAILED, error_message="no", failure=OOPS)})
    asking.join(15)
    x.outline()
