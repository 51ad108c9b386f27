"""speculative_attempts.py - an update joins the further attempts of a failing task."""
from kit.basic import end
from kit.updates import NO, accept, answer, ask, done, idle


def play(x):
    idle(x)
    asked = ask(x)
    x.fail_task(x.poll(), failure=NO)
    x.describe("describe second attempt")
    second = ask(x, "second")
    task = x.poll(show=True, label="second attempt")
    x.fail_task(task, failure=NO)
    task = x.poll(show=True, label="third attempt")
    answer(x, task, accept(task), done(), accept(task, "second"), done("second"))
    asked.tell()
    second.tell()
    x.signal()
    end(x)
