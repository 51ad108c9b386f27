"""posts.py - completion callbacks that come in no order: they are kept, answered with 200, and written down by path."""
import contextlib
import re
import time

from temporalio.api.common.v1 import Callback

from kit.receiver import SETTINGS, listening

ON = {**SETTINGS, "history.enableUpdateCallbacks": True}
SHOWN = ("content-type", "nexus-link", "nexus-operation-state", "nexus-operation-start-time",
         "nexus-operation-close-time", "user-agent", "x-mine")


class Receiver:
    def __init__(self, x):
        self.x, self.posts, self.port = x, [], None

    def answer(self, path, headers, body):
        self.posts.append((path, {name.lower(): value for name, value in headers}, body))
        return 200, b""

    def to(self, path, links=(), **header):
        return Callback(nexus=Callback.Nexus(url=f"http://127.0.0.1:{self.port}/{path}", header=header), links=links)

    def await_posts(self, count, timeout=20.0):
        end = time.monotonic() + timeout
        while len(self.posts) < count:
            if time.monotonic() > end:
                self.x.say(f"== TIMED OUT waiting for {count} posts, have {len(self.posts)}")
                return
            time.sleep(0.02)

    def tell(self, count):
        """What has come, by path."""
        self.await_posts(count)
        for path, headers, body in sorted(self.posts, key=lambda post: post[0]):
            self.x.say(f"== posted to {path}")
            for name in SHOWN:
                if name in headers:
                    value = "<time>" if name.endswith("-time") else headers[name]
                    self.x.say(f"  {name}: {value}")
            self.x.say(f"  {body.decode()}")
        self.posts.clear()


@contextlib.contextmanager
def receiving(x):
    receiver, mask = Receiver(x), x.mask
    with listening(receiver.answer) as receiver.port:
        x.mask = lambda text: re.sub(rf"127\.0\.0\.1:{receiver.port}\b", "127.0.0.1:<port>", mask(text))
        try:
            yield receiver
        finally:
            x.mask = mask


def await_states(x, *states, timeout=20.0):
    """Until the callbacks of the run are in these states, in any order."""
    from temporalio.api.enums.v1 import CallbackState
    from temporalio.api.workflowservice.v1 import request_response_pb2 as api

    end = time.monotonic() + timeout
    while True:
        shown = x.call("DescribeWorkflowExecution", api.DescribeWorkflowExecutionRequest(
            namespace="default", execution=x.execution()))
        found = sorted(CallbackState.Name(c.state)[15:] for c in shown.callbacks)
        if found == sorted(states):
            return
        if time.monotonic() > end:
            x.say(f"== TIMED OUT waiting for callbacks {sorted(states)}, they are {found}")
            return
        time.sleep(0.02)


def show_callbacks(x, label="callbacks"):
    """In the order of their addresses: the reference keeps none."""
    from temporalio.api.workflowservice.v1 import request_response_pb2 as api

    shown = x.call("DescribeWorkflowExecution", api.DescribeWorkflowExecutionRequest(
        namespace="default", execution=x.execution()))
    x.say(f"== {label}")
    for callback in sorted(shown.callbacks, key=lambda c: c.callback.nexus.url):
        x.show("callback", callback)
    infos = shown.workflow_extended_info.request_id_infos
    for key in sorted(infos, key=lambda k: (infos[k].event_type, k)):
        x.show(f"request id {key}", infos[key])
