"""callbacks_refused.py - completion callbacks that may go nowhere, as by default all."""
from temporalio.api.common.v1 import Callback

CASES = {
    "not configured": "http://example.com/x?y=1",
    "secure": "https://example.com",
    "another scheme": "ftp://example.com/x",
    "no scheme": "example",
    "no host": "http:///x",
    "empty": "",
    "too long": "http://example.com/" + "x" * 1000,
}


def play(x):
    for label, url in CASES.items():
        x.start(label=label, completion_callbacks=[Callback(nexus=Callback.Nexus(url=url))])
    x.start(label="internal", completion_callbacks=[Callback(internal=Callback.Internal(data=b"x"))])
    x.start(label="no variant", completion_callbacks=[Callback()])
    big = {"a": "x" * 8192}
    x.start(label="a big header", completion_callbacks=[Callback(nexus=Callback.Nexus(url="temporal://system", header=big))])
