"""update_callbacks.py - completion callbacks of updates: with their acceptance, attached later, told of every end."""
from kit.posts import ON, await_states, receiving, show_callbacks
from kit.updates import (ACCEPTED, COMPLETED, NO, Asked, accept, answer, done, idle, known, reject, request)
from temporalio.api.common.v1 import Link

SETTINGS = ON


def wish(x, update_id, *callbacks, stage=ACCEPTED, **more):
    asked = request(x, update_id, stage)
    asked.request.completion_callbacks.extend(callbacks)
    for key, value in more.items():
        if key == "links":
            asked.request.links.extend(value)
        else:
            setattr(asked.request, key, value)
    return asked


def again(x, label, *args, **more):
    x.call("UpdateWorkflowExecution", wish(x, *args, **more), 25.0, label, True)


def asked(x, update_id, *callbacks, **more):
    """Asked for by another thread, and known to the server."""
    one = Asked(x, lambda side: side.call("UpdateWorkflowExecution", wish(side, update_id, *callbacks, **more), 25.0,
                                          f"update {update_id}", True))
    known(x, update_id)
    return one


def play(x):
    with receiving(x) as receiver:
        idle(x)
        again(x, "without a request id", "u", receiver.to("u"))
        link = Link(workflow_event=Link.WorkflowEvent(namespace="n", workflow_id="w", run_id="r"))
        one = asked(x, "u", receiver.to("u", links=[link], **{"X-Mine": "yes"}), request_id="first", links=[link])
        task = x.poll()
        answer(x, task, accept(task))
        one.tell()
        again(x, "the same once more", "u", receiver.to("u"), request_id="first")
        again(x, "another one attaches", "u", receiver.to("v"), request_id="second")
        again(x, "again", "u", receiver.to("v"), request_id="second")
        again(x, "without an id, attaching", "u", receiver.to("w"))
        show_callbacks(x, "callbacks that wait")
        two = asked(x, "fails", receiver.to("fails"), request_id="third")
        three = asked(x, "rejected", receiver.to("rejected"), request_id="fourth")
        task = x.poll()
        answer(x, task, done("u"), accept(task, "fails"), done("fails", failure=NO), reject(task, "rejected"))
        two.tell()
        three.tell()
        receiver.tell(3)
        await_states(x, *["SUCCEEDED"] * 3)
        again(x, "when it is completed", "u", receiver.to("late"), request_id="fifth", stage=COMPLETED)
        four = asked(x, "left", receiver.to("left"), request_id="sixth")
        task = x.poll()
        answer(x, task, accept(task, "left"))
        four.tell()
        x.terminate()
        receiver.tell(1)
        await_states(x, *["SUCCEEDED"] * 4)
        show_callbacks(x)
        x.history()
