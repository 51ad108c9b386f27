"""command_markers.py - markers with details, headers, failures and summaries."""
from temporalio.api.common.v1 import Header
from temporalio.api.failure.v1 import Failure
from temporalio.api.sdk.v1 import UserMetadata

from kit.basic import TEXT, end
from lab import command, payloads


def play(x):
    x.start()
    x.complete(x.poll(), command("record_marker", marker_name="Version", details={"a": payloads("1"), "b": payloads("2")},
                                 header=Header(fields={"h": TEXT})),
               command("record_marker", marker_name="LocalActivity", failure=Failure(message="f"),
                       user_metadata=UserMetadata(summary=TEXT)))
    x.signal()
    end(x)
