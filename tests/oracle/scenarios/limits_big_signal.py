"""limits_big_signal.py - a signal above the size limit."""
from lab import payloads


def play(x):
    x.start()
    x.signal(input=payloads("x" * (2 * 1024 * 1024 + 10)))
    x.outline()
