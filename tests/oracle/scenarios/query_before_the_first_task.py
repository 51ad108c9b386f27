"""query_before_the_first_task.py - a query before the first workflow task."""


def play(x):
    x.start()
    x.query(timeout=3.0)
