"""sdk_cancel_try.py - an SDK's workflow cancels its activity and does not wait."""
from kit.sdk import cancel_activity


def play(x):
    cancel_activity(x, 0)
