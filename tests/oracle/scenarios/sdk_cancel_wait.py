"""sdk_cancel_wait.py - an SDK's workflow cancels its activity and waits for its end."""
from kit.sdk import cancel_activity


def play(x):
    cancel_activity(x, 1)
