"""update_limit_in_flight.py - ten updates of a run may be in flight."""
from kit.updates import ask, idle, update


def play(x):
    idle(x)
    for n in range(10):
        ask(x, f"u{n}")
    update(x, "one more")
    x.terminate()
