"""terminate_started.py - termination while a workflow task runs, with a buffered signal."""


def play(x):
    x.start()
    task = x.poll()
    x.signal()
    x.terminate(reason="because")
    x.complete(task, label="complete after the end")
    x.fail_task(task, label="fail after the end")
    x.history()
    x.describe()
