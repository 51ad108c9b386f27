"""signal_plain.py - signals before, during and after workflow tasks, and to a closed run."""
from kit.basic import end
from lab import payloads


def play(x):
    x.start()
    x.signal("before", input=payloads("1"))
    task = x.poll(show=True)
    x.signal("while", input=payloads("2"))
    x.signal("while2")
    x.history("history while started")
    x.describe("describe while started")
    x.complete(task)
    x.history("history after the first")
    task = x.poll(show=True)
    x.complete(task)
    x.signal("after", input=payloads("3"))
    x.describe("describe after")
    end(x)
    x.signal("closed", label="signal closed")
    x.signal("closed", label="signal closed without run", execution=x.execution(run_id=""))
