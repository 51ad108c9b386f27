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


class Receiver:
    """Answers `plan` one by one, then 200."""

    def __init__(self, x, plan=()):
        self.x, self.plan, self.posts = x, list(plan), queue.Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.body()
                status, answer = receiver.plan.pop(0) if receiver.plan else (200, b"")
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                if answer:
                    self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(answer)
                receiver.posts.put((self.path, list(self.headers.items()), body))

            def body(self):
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", "0")))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def callback(self, path="/done", **header):
        return Callback(nexus=Callback.Nexus(url=f"http://127.0.0.1:{self.server.server_address[1]}{path}", header=header))

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
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
