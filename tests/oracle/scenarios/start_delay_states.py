"""start_delay_states.py - a delayed run described, queried and signaled before its first task."""
from lab import seconds


def play(x):
    x.start(workflow_start_delay=seconds(2), show=True)
    x.describe()
    x.query(timeout=1.5)
    x.signal("s")
    x.outline()
    x.poll(show=True)
    x.history()
    x.describe("started")
