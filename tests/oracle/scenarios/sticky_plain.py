"""sticky_plain.py - a sticky queue is used, then reset."""
from kit.task import sticky
from lab import command, seconds


def play(x):
    name = x.queue + "-sticky"
    x.start()
    waiting = x.behind(x.poll, sticky_of=name, label="sticky poll ahead", show=True)
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(60)),
               sticky_attributes=sticky(name))
    x.describe()
    x.signal()
    waiting.join(20)
    x.history()
