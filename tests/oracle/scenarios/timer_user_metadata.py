"""timer_user_metadata.py - a timer with a summary."""
from temporalio.api.sdk.v1 import UserMetadata

from kit.basic import TEXT, end
from lab import command, seconds


def play(x):
    x.start()
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(1),
                                 user_metadata=UserMetadata(summary=TEXT)))
    end(x)
