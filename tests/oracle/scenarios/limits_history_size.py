"""limits_history_size.py - a run with more bytes of events than it may have is terminated by the next step."""
from kit import limited
from kit.limited import sized
from kit.updates import idle

SETTINGS = limited.HISTORY_SIZE


def play(x):
    idle(x)
    x.signal(label="a large signal", input=sized(30000))
    x.outline()
    x.signal(label="one more")
    x.history()
