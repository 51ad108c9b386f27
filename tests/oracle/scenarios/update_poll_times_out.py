"""update_poll_times_out.py - waiting for an update that does not move: the stage that it has reached."""
from kit.updates import ACCEPTED, Asked, ask, idle, poll_update

SLOW = True


def play(x):
    idle(x)
    admitted = ask(x, "admitted")
    task = x.poll()
    stay = Asked(x, poll_update, "admitted", ACCEPTED, label="poll for accepted")
    admitted.tell()
    stay.tell()
    x.terminate()
