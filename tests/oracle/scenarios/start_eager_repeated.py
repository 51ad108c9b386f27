"""start_eager_repeated.py - an eager start asked for twice, refused, and one that finds the run there."""
import uuid


def play(x):
    request_id = str(uuid.uuid4())
    x.start(show=True, request_eager_execution=True, request_id=request_id)
    x.start(show=True, label="again", request_eager_execution=True, request_id=request_id)
    x.start(show=True, label="another request", request_eager_execution=True)
    x.start(show=True, label="use existing", request_eager_execution=True, workflow_id_conflict_policy=2)
    x.outline()
