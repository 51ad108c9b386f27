"""update_bad_messages.py - messages that a server must refuse, each in a workflow of its own."""
from kit.basic import anew
from kit.updates import accept, ask, done, message
from temporalio.api.update.v1 import Acceptance, Meta, Outcome, Response


def play(x):
    cases = {
        "completed before it is accepted": lambda task: [done()],
        "accepted twice": lambda task: [accept(task), accept(task)],
        "an unknown update": lambda task: [message("other", "accept", Acceptance())],
        "acceptance without ids": lambda task: [message("u", "accept", Acceptance())],
        "response without outcome": lambda task: [accept(task), message("u", "done", Response(meta=Meta(update_id="u")))],
        "response with another id": lambda task: [accept(task), message("u", "done", Response(
            meta=Meta(update_id="v"), outcome=Outcome()))],
    }
    for label, wrong in cases.items():
        anew(x)
        asked = ask(x)
        task = x.poll()
        x.complete(task, messages=wrong(task), label=label)
        asked.tell()
        x.history(f"history: {label}")
        x.terminate()
