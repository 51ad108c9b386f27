"""query_terminated_without_a_task.py - a query of a run that ended before its first task."""


def play(x):
    x.start()
    x.terminate()
    x.query(timeout=3.0)
