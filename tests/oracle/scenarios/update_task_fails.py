"""update_task_fails.py - the task of an update fails: its update comes again, the failure is in the history."""
from kit.basic import end
from kit.updates import NO, accept, answer, ask, done, idle


def play(x):
    idle(x)
    asked = ask(x)
    x.fail_task(x.poll(), failure=NO)
    x.history("history after the failure")
    task = x.poll(show=True)
    answer(x, task, accept(task), done())
    asked.tell()
    x.signal()
    end(x)
