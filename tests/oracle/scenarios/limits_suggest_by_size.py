"""limits_suggest_by_size.py - from how many bytes of events on workers are told to continue as new."""
from kit import limited
from kit.basic import end
from kit.limited import sized

SETTINGS = limited.SUGGEST_SIZE


def play(x):
    x.start()
    x.complete(x.poll())
    x.signal(input=sized(15000))
    x.complete(x.poll())
    x.signal(input=sized(15000))
    end(x)
