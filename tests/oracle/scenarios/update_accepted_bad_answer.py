"""update_accepted_bad_answer.py - who waits for an accepted update while the answer to a later task is refused."""
from kit.basic import end
from kit.updates import accept, answer, ask, done, idle
from lab import command


def play(x):
    idle(x)
    asked = ask(x, "u")
    task = x.poll()
    answer(x, task, accept(task, "u"))
    x.signal()
    x.complete(x.poll(), command("cancel_timer", timer_id="of nobody"), label="a bad answer")
    task = x.poll()
    answer(x, task, done("u"))
    asked.tell()
    x.signal()
    end(x)
