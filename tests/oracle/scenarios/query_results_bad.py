"""query_results_bad.py - a result for a query that nobody asked."""
from temporalio.api.query.v1 import WorkflowQueryResult

from kit.query import ANSWERED


def play(x):
    x.start()
    x.complete(x.poll())
    x.signal()
    task = x.poll()
    x.complete(task, query_results={"nonsense": WorkflowQueryResult(result_type=ANSWERED)}, label="unknown query id")
    x.outline()
