"""signal_many.py - more signals than a buffer of 100 while a workflow task runs."""
from kit.basic import end
from lab import payloads


def play(x):
    x.start()
    task = x.poll()
    for i in range(150):
        x.signal(f"s{i}", input=payloads(str(i)))
    x.outline("outline while started")
    x.complete(task)
    x.outline("outline after")
    task = x.poll()
    end(x, task)
