"""cancel_while_started.py - a cancellation meets a workflow task that runs."""
from kit.basic import end


def play(x):
    x.start()
    task = x.poll()
    x.cancel()
    x.cancel("cancel again")
    x.history("history while started")
    x.complete(task)
    end(x, x.poll(show=True))
