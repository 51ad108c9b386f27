"""signal_with_start_metadata.py - everything a signal with start can say, in events and descriptions."""
from temporalio.api.common.v1 import Header, Memo, Priority
from temporalio.api.sdk.v1 import UserMetadata

from kit.basic import TEXT
from kit.links import link
from kit.query import answer
from kit.runs import signal_with_start
from lab import payloads


def play(x):
    answer = signal_with_start(x, "new", signal_input=payloads("s"), header=Header(fields={"h": TEXT}),
                               memo=Memo(fields={"a": TEXT}), links=[link()], user_metadata=UserMetadata(summary=TEXT),
                               priority=Priority(priority_key=1))
    x.run_id = answer.run_id
    x.history()
    x.describe()
