"""update_with_start_repeated_closed.py - the start is repeated after its workflow closed without the update."""
from kit.updates import Asked, update_with_start
from lab import command, payloads


def play(x):
    request_id = "request-" + x.workflow_id
    asked = Asked(x, update_with_start, request_id=request_id)
    task = x.poll()
    x.complete(task, command("complete_workflow_execution", result=payloads("done")))
    asked.tell()
    update_with_start(x, request_id=request_id, label="repeated")
    update_with_start(x, "other", request_id=request_id, label="repeated with another update")
