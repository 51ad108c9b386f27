"""runs_continue_in_back_off.py - a continuation with a back-off is signaled and cancelled before its first task."""
from kit.basic import end
from kit.runs import follow, signal_with_start
from lab import command, seconds


def play(x):
    x.start()
    x.complete(x.poll(), command("continue_as_new_workflow_execution", backoff_start_interval=seconds(2.5)))
    follow(x)
    x.signal()
    signal_with_start(x, "signal with start", workflow_start_delay=seconds(60))
    x.cancel()
    x.query(timeout=0.7)
    x.history("in back-off")
    x.describe("in back-off")
    end(x, x.poll(show=True))
