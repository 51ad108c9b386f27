"""update_rejected_twice_then_signal.py - rejections one after the other, then a signal as the next event."""
from kit.basic import end
from kit.updates import answer, ask, idle, reject


def play(x):
    idle(x)
    for update_id in ("one", "two"):
        asked = ask(x, update_id)
        task = x.poll(show=True, label=f"task of {update_id}")
        answer(x, task, reject(task, update_id))
        asked.tell()
    x.signal()
    x.outline()
    end(x, x.poll(show=True))
