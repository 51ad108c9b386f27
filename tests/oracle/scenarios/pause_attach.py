"""pause_attach.py - starts attach to a paused workflow, and are repeated."""
from temporalio.api.workflow.v1 import OnConflictOptions

from kit.pause import SETTINGS, pause, unpause  # noqa: F401 the runner reads SETTINGS
from kit.updates import idle


def play(x):
    idle(x)
    pause(x)
    options = OnConflictOptions(attach_request_id=True, attach_links=True)
    for label in ("attach", "again"):
        x.start(label=label, request_id="one", show=True, workflow_id_conflict_policy=2, on_conflict_options=options)
    x.start(label="without the id", show=True, workflow_id_conflict_policy=2,
            on_conflict_options=OnConflictOptions(attach_links=True))
    unpause(x)
    x.start(label="again, unpaused", request_id="one", show=True, workflow_id_conflict_policy=2,
            on_conflict_options=options)
    x.terminate()
    x.history()
