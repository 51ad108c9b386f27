"""limits_history_count.py - a run with more events than it may have is terminated by the step that finds it so."""
from kit import limited
from kit.basic import anew
from lab import command, payloads

SETTINGS = limited.HISTORY_COUNT


def idle(x):
    """Four events."""
    anew(x)
    x.complete(x.poll())


def play(x):
    idle(x)
    for n in range(7):
        x.signal(label=f"signal {n}")
    x.history("signals")
    x.describe("after signals")
    idle(x)
    for n in range(4):
        x.signal(label=f"signal {n}")
    x.complete(x.poll(), *[command("record_marker", marker_name="m", details={"d": payloads("d")})] * 2, label="two markers")
    x.outline("markers")
    x.signal(label="a signal after the markers")
    x.cancel(label="cancel")
    x.terminate(label="terminate")
    x.history("markers and a signal")
    idle(x)
    for n in range(5):
        x.signal(label=f"signal {n}")
    x.cancel(label="cancel at the limit")
    x.history("canceled at the limit")
    idle(x)
    for n in range(3):
        x.signal(label=f"signal {n}")
    x.complete(x.poll(), command("complete_workflow_execution", result=payloads("r")), label="complete")
    x.outline("completed in time")
