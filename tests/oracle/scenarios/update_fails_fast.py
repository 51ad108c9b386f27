"""update_fails_fast.py - no update is admitted while workflow tasks fail again and again."""
from kit.updates import NO, update


def play(x):
    x.start()
    x.fail_task(x.poll(), failure=NO)
    x.fail_task(x.poll(), failure=NO)
    x.poll()
    update(x)
    x.terminate()
