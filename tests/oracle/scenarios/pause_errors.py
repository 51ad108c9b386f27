"""pause_errors.py - pauses and unpauses that are refused, or repeated."""
from kit.pause import SETTINGS, pause, unpause  # noqa: F401 the runner reads SETTINGS
from kit.updates import idle


def play(x):
    pause(x, "nobody")
    idle(x)
    unpause(x, "not paused")
    for label, more in {"no id": {"workflow_id": ""}, "long reason": {"reason": "r" * 1001},
                        "long request id": {"request_id": "q" * 1001}, "long identity": {"identity": "i" * 1001},
                        "another run": {"run_id": "6f1a0b1e-0000-4000-8000-000000000000"},
                        "a bad run id": {"run_id": "x"}}.items():
        pause(x, f"pause: {label}", **more)
        unpause(x, f"unpause: {label}", **more)
    pause(x, "without a run id, a reason or a request id", run_id="", reason="", request_id="", identity="")
    pause(x, "the same again")
    pause(x, "another request", request_id="other", reason="other")
    x.describe()
    unpause(x, "first", request_id="u")
    unpause(x, "the same again", request_id="u")
    unpause(x, "another request", request_id="v")
    x.terminate()
    pause(x, "closed")
    unpause(x, "closed")
    x.history()
