"""start_request_ids.py - request ids of starts: repeated, over a running and over a closed run."""
import uuid

from lab import command


def play(x):
    one, two = str(uuid.uuid4()), str(uuid.uuid4())
    x.start(request_id=one, show=True)
    x.start(request_id=one, show=True, label="same request")
    x.start(show=True, label="use existing", workflow_id_conflict_policy=2)
    x.start(show=True, label="terminate existing", workflow_id_conflict_policy=3, request_id=two)
    x.start(show=True, label="terminate existing, same request", workflow_id_conflict_policy=3, request_id=two)
    x.describe()
    x.history()
    x.complete(x.poll(), command("complete_workflow_execution"))
    x.start(request_id=two, show=True, label="same request, closed")
    x.start(request_id=one, show=True, label="first request, closed", workflow_id_reuse_policy=3)
