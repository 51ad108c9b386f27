"""runs_back_off_of_a_retry.py - a run that waits for its retry is signaled, signaled with start, cancelled, terminated."""
from kit.retry import FAIL, app, policy
from kit.runs import follow, signal_with_start
from lab import command, seconds


def failing(x):
    x.start(retry_policy=policy(initial_interval=seconds(2.5)))
    x.complete(x.poll(), command(FAIL, failure=app()))
    follow(x)


def play(x):
    failing(x)
    x.signal()
    signal_with_start(x, "signal with start")
    x.start(show=True, label="start")
    x.start(show=True, label="start, use existing", workflow_id_conflict_policy=2)
    x.cancel()
    x.history("in back-off")
    x.describe("in back-off")
    x.complete(x.poll(show=True), command(FAIL, failure=app("after the cancellation")))
    follow(x)
    x.describe("cancelled, failed, tried again")
    x.terminate(reason="why")
    x.history("terminated in back-off")
    x.describe("terminated in back-off")
