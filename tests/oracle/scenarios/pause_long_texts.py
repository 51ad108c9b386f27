"""pause_long_texts.py - the texts of an unpause are bounded, before the workflow is looked for; the first too long is named."""
from kit.basic import end
from kit.pause import unpause


def play(x):
    x.start()
    for field in ("reason", "request_id", "identity"):
        unpause(x, field, **{field: "x" * 1001})
        unpause(x, f"{field}, nobody", workflow_id="nobody", **{field: "x" * 1001})
    unpause(x, "all", reason="x" * 1001, request_id="x" * 1001, identity="x" * 1001)
    unpause(x, "at the limit", reason="x" * 1000, request_id="x" * 1000, identity="x" * 1000)
    end(x)
