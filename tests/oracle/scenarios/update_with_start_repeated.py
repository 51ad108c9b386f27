"""update_with_start_repeated.py - the same start and the same update once more, in every stage."""
from kit.updates import Asked, accept, answer, done, update_with_start


def play(x):
    request_id = "request-" + x.workflow_id
    asked = [Asked(x, update_with_start, request_id=request_id)]
    task = x.poll()
    asked.append(Asked(x, update_with_start, request_id=request_id, label="repeated"))
    answer(x, task, accept(task), done())
    asked[0].tell()
    asked[1].thread.join(30)
    update_with_start(x, request_id=request_id, label="repeated when completed")
    x.terminate()
    update_with_start(x, request_id=request_id, label="repeated when closed")
