"""speculative_inline.py - updates that come while one is worked on follow with the answer, without a trace."""
from kit.basic import end
from kit.updates import accept, answer, ask, done, idle, reject


def play(x):
    idle(x)
    first = ask(x, "first")
    task = x.poll(show=True)
    second = ask(x, "second")
    task = answer(x, task, reject(task, "first"), return_new_workflow_task=True, show=True, label="first answer").workflow_task
    first.tell()
    x.history("history after the first")
    third = ask(x, "third")
    task = answer(x, task, reject(task, "second"), return_new_workflow_task=True, show=True, label="second answer").workflow_task
    second.tell()
    fourth = ask(x, "fourth")
    task = answer(x, task, accept(task, "third"), done("third"), return_new_workflow_task=True, show=True,
                  label="third answer").workflow_task
    third.tell()
    x.history("history after the third")
    answer(x, task, reject(task, "fourth"), return_new_workflow_task=True, show=True, label="fourth answer")
    fourth.tell()
    x.history("history after the fourth")
    x.signal()
    end(x)
