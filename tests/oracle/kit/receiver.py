"""receiver.py - where completion callbacks go: an HTTP server on loopback that writes down what it is told."""
import contextlib
import queue
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from temporalio.api.common.v1 import Callback
from temporalio.api.workflowservice.v1 import request_response_pb2 as api

SETTINGS = {"callback.allowedAddresses": [{"Pattern": "127.0.0.1:*", "AllowInsecure": True}]}
BODY = {"content-length", "transfer-encoding", "accept-encoding"}  # how the body goes is the client's affair
MASKED = {"host", "nexus-operation-start-time", "nexus-operation-close-time", "traceparent", "user-agent"}


class Handler(BaseHTTPRequestHandler):
    """`answer(path, headers, body)` of a class made of this one gives status and body of the answer."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        status, answer = self.answer(self.path, list(self.headers.items()), self.body())
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        if answer:
            self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(answer)

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def listening(answer):
    """The port of a server that answers so."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answering", (Handler,), {"answer": staticmethod(answer)}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Receiver:
    """Answers `plan` one by one, then 200."""

    def __init__(self, x, plan=()):
        self.x, self.plan, self.posts, self.port = x, list(plan), queue.Queue(), None

    def answer(self, *post):
        self.posts.put(post)
        return self.plan.pop(0) if self.plan else (200, b"")

    def callback(self, path="/done", **header):
        return Callback(nexus=Callback.Nexus(url=f"http://127.0.0.1:{self.port}{path}", header=header))

    def tell(self, label, timeout=20.0):
        """The next request, written down: what is a server's own affair is masked."""
        try:
            path, headers, body = self.posts.get(timeout=timeout)
        except queue.Empty:
            self.x.say(f"== TIMED OUT waiting for a callback: {label}")
            return
        self.x.say(f"== {label}: {path}")
        for name, value in sorted((name.lower(), value) for name, value in headers if name.lower() not in BODY):
            self.x.say(f"  {name}: {'<masked>' if name in MASKED else value}")
        self.x.say(f"  body: {body.decode('utf-8', 'replace')}")

    def described(self, label, states):
        """The callbacks as Describe shows them, once they are in these states."""
        x = self.x

        def asked():
            return x.call("DescribeWorkflowExecution", api.DescribeWorkflowExecutionRequest(
                namespace="default", execution=x.execution()), raises=True).callbacks

        for _ in range(400):
            callbacks = asked()
            if [callback.state for callback in callbacks] == states:
                break
            threading.Event().wait(0.03)
        else:
            x.say("== TIMED OUT waiting for callbacks to be delivered")
        for callback in callbacks:
            callback.callback.nexus.url = re.sub(r":\d+/", ":<port>/", callback.callback.nexus.url)
            x.show(label, callback)


@contextlib.contextmanager
def receiving(x, plan=()):
    receiver = Receiver(x, plan)
    with listening(receiver.answer) as receiver.port:
        yield receiver
