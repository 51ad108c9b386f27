"""sdk_cancel_abandon.py - an SDK's workflow abandons its activity."""
from kit.sdk import cancel_activity


def play(x):
    cancel_activity(x, 2)
