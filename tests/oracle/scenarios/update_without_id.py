"""update_without_id.py - an update without an id is given one, an update without a wait policy waits to the end."""
from kit.basic import end
from kit.updates import Asked, accept, done, idle, request


def play(x):
    idle(x)
    bare = request(x, "")
    bare.ClearField("wait_policy")
    asked = Asked(x, lambda side: side.call("UpdateWorkflowExecution", bare, 25.0, "update", True))
    task = x.poll(show=True)
    update_id = task.messages[0].protocol_instance_id
    x.complete(task, messages=[accept(task, update_id), done(update_id)])
    asked.tell()
    x.signal()
    end(x)
