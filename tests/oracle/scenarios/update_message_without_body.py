"""update_message_without_body.py - a message without a body is refused, and its task goes on."""
from kit.updates import accept, answer, ask, done
from temporalio.api.protocol.v1 import Message


def play(x):
    x.start()
    asked = ask(x)
    task = x.poll()
    x.complete(task, messages=[Message(id="x", protocol_instance_id="u")], label="no body")
    x.history()
    answer(x, task, accept(task), done(), label="the same task again")
    x.outline("after that")
    x.terminate()
    asked.tell()
