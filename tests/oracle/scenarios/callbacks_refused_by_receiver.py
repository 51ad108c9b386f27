"""callbacks_refused_by_receiver.py - answers that end the attempts, and those that another attempt follows."""
from temporalio.api.enums.v1 import CallbackState

from kit.basic import anew
from kit.receiver import SETTINGS, receiving  # noqa: F401 the runner reads SETTINGS
from lab import command

FAILED, SUCCEEDED = CallbackState.CALLBACK_STATE_FAILED, CallbackState.CALLBACK_STATE_SUCCEEDED
LAST = {"400": (400, b""), "404 with a text": (404, b'{"message": "nobody knows it"}'), "501": (501, b"")}
AGAIN = {"500": (500, b'{"message": "later"}'), "429": (429, b""), "503": (503, b"")}


def play(x):
    for kind, state in ((LAST, FAILED), (AGAIN, SUCCEEDED)):
        for label, answer in kind.items():
            with receiving(x, [answer]) as receiver:
                anew(x, completion_callbacks=[receiver.callback()])
                x.complete(x.poll(), command("complete_workflow_execution"))
                receiver.tell(label)
                if state == SUCCEEDED:
                    receiver.tell(f"{label}: again")
                receiver.described(f"the callback: {label}", [state])
