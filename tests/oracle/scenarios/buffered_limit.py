"""buffered_limit.py - more events than may wait for a task: it fails, and they are written."""


def play(x):
    x.start()
    task = x.poll()
    for i in range(101):
        x.signal(f"s{i}")
    x.outline()
    x.describe()
    x.complete(task, label="late")
    x.outline()
