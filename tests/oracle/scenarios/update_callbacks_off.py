"""update_callbacks_off.py - the key is off, as by default: callbacks of updates are written down and nobody is told."""
from kit.posts import SETTINGS, receiving, show_callbacks
from kit.updates import accept, answer, done
from scenarios.update_callbacks import again, asked, idle

SETTINGS = SETTINGS


def play(x):
    with receiving(x) as receiver:
        idle(x)
        one = asked(x, "u", receiver.to("u"), request_id="first")
        task = x.poll()
        answer(x, task, accept(task))
        one.tell()
        again(x, "another one attaches", "u", receiver.to("v"), request_id="second")
        show_callbacks(x)
        two = asked(x, "more", request_id="third")
        task = x.poll()
        answer(x, task, done("u"), accept(task, "more"))
        two.tell()
        x.terminate()
        x.history()
