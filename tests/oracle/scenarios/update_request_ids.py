"""update_request_ids.py - the request ids of updates, and the events that Describe names for them."""
from kit.basic import end
from kit.updates import Asked, accept, answer, done, idle, known, reject, request


def ask(x, update_id):
    asked = request(x, update_id)
    asked.request.request_id = f"request of {update_id}"
    call = Asked(x, lambda side: side.call("UpdateWorkflowExecution", asked, 25.0, f"update {update_id}", True))
    known(x, update_id)
    return call


def play(x):
    idle(x)
    asked = [ask(x, "yes"), ask(x, "no")]
    task = x.poll(show=True)
    answer(x, task, accept(task, "yes"), done("yes"), reject(task, "no"))
    for call in asked:
        call.tell()
    x.history("history with the updates")
    x.describe("describe with the updates")
    x.signal()
    end(x)
