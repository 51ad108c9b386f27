"""speculative_timer_fires.py - a timer fires while the task of an update is started."""
from kit.basic import end
from kit.updates import answer, ask, reject
from lab import command, seconds


def play(x):
    x.start()
    x.complete(x.poll(), command("start_timer", timer_id="t", start_to_fire_timeout=seconds(2)))
    asked = ask(x)
    task = x.poll(show=True)
    x.await_events(7)
    answer(x, task, reject(task), show=True)
    asked.tell()
    end(x, x.poll(show=True))
