"""callback_receiver.py - an HTTP server on loopback that completion callbacks go to, and the settings that let them."""

import collections
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from temporalio.api.common.v1 import Callback

from harness import raw_channel, wait_until
from test_hostile import Asker

RULES = [{"value": [{"Pattern": "127.0.0.1:*", "AllowInsecure": True}, {"Pattern": "secure.*"}]}]
SETTINGS = {
    "callback.allowedAddresses": RULES,
    "callback.retryPolicy.initialInterval": "50ms",
    "callback.retryPolicy.maxInterval": "1s",
    "callback.request.timeout": "2s",
}

Post = collections.namedtuple("Post", "path headers body")


class Receiver:
    """Answers 200, or what `plan` says next for a path: a status, (status, headers, body), or "hang"."""

    def __init__(self, port=0):
        self.posts, self.plan = [], collections.defaultdict(list)
        self.released = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                receiver.posts.append(Post(self.path, dict(self.headers), body))
                step = receiver.plan[self.path].pop(0) if receiver.plan[self.path] else 200
                if step == "hang":
                    receiver.released.wait(60)
                    self.close_connection = True
                    return
                status, headers, answer = step if isinstance(step, tuple) else (step, {}, b"")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def stop(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def wait(self, path, count=1, seconds=20):
        found = lambda: [post for post in self.posts if post.path == path]  # noqa: E731
        wait_until(lambda: len(found()) >= count, seconds, f"{count} posts to {path}")
        return found()


def callback(url, **header):
    return Callback(nexus=Callback.Nexus(url=url, header=header))


@pytest.fixture
def ask(cluster):
    with raw_channel(cluster.address) as call:
        yield Asker(call)


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()
