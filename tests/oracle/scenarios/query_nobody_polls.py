"""query_nobody_polls.py - a query without a worker."""


def play(x):
    x.start()
    x.complete(x.poll())
    x.query(timeout=2.5, label="nobody answers")
