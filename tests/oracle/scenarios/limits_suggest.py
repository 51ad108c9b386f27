"""limits_suggest.py - from how many events on workers are told to continue as new, and why."""
from kit import limited
from kit.basic import end

SETTINGS = limited.SUGGEST


def play(x):
    x.start()
    x.complete(x.poll())
    x.signal()
    x.complete(x.poll())
    x.signal()
    x.fail_task(x.poll())
    end(x)
