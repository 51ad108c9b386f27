"""query_failing_workflow_task.py - a query of a run whose first task keeps failing."""
from kit.task import OOPS


def play(x):
    x.start()
    for _ in range(3):
        x.fail_task(x.poll(), failure=OOPS)
    x.query(timeout=3.0, label="query with failing first task")
