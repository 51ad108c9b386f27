"""continue_plain.py - a run continues as new with another input."""
from kit.basic import end
from kit.chain import KIND, follow
from lab import command, payloads, seconds


def play(x):
    x.start(input=payloads("in"), identity="starter")
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(1.1)))
    x.complete(x.poll(), command(KIND, input=payloads("next")), show=True)
    follow(x)
    end(x, x.poll(show=True))
