"""callbacks_ends_from_outside.py - what a completion callback is told of a termination and of time-outs."""
from temporalio.api.enums.v1 import CallbackState

from kit.basic import anew
from kit.receiver import SETTINGS, receiving  # noqa: F401 the runner reads SETTINGS
from lab import payloads, seconds

SUCCEEDED = CallbackState.CALLBACK_STATE_SUCCEEDED


def play(x):
    with receiving(x) as receiver:
        callbacks = {"completion_callbacks": [receiver.callback()]}
        anew(x, **callbacks)
        x.terminate(reason="enough", details=payloads("d"))
        receiver.tell("terminated")
        receiver.described("the callback", [SUCCEEDED])
        anew(x, workflow_run_timeout=seconds(1), **callbacks)
        receiver.tell("run timed out")
        anew(x, workflow_execution_timeout=seconds(1), **callbacks)
        receiver.tell("execution timed out")
        receiver.described("the callback", [SUCCEEDED])
