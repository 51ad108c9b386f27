"""signal_across_runs.py - request ids of signals: again while a task runs, while they wait, in the next run, after its end."""
from kit.chain import KIND, follow
from kit.links import link
from lab import command, payloads


def play(x):
    x.start()
    x.signal("a", request_id="same", input=payloads("1"))
    task = x.poll()
    x.signal("b", request_id="same", input=payloads("2"), label="while a task runs")
    x.signal("c", request_id="other", input=payloads("3"), links=[link()])
    x.signal("c", request_id="other", input=payloads("4"), label="while it is buffered")
    x.complete(task, command(KIND), label="not while signals wait")
    x.complete(x.poll(), command(KIND))
    follow(x)
    x.signal("a", request_id="next", input=payloads("5"), label="in the next run")
    x.signal("d", request_id="", input=payloads("6"), label="without a request id")
    x.describe("next run")
    x.complete(x.poll(), command("complete_workflow_execution"))
    x.signal("a", request_id="next", label="to a closed run")
    x.outline()
