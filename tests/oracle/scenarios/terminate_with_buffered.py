"""terminate_with_buffered.py - a run ended while a task is started and signals wait; then ended again."""
from lab import payloads


def play(x):
    x.start()
    x.poll()
    x.signal("s")
    x.terminate(details=payloads("d"))
    x.history()
    x.describe()
    x.terminate(label="again")
    x.cancel(label="cancel a closed one")
