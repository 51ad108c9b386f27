"""raw_http2.py - an HTTP/2 client that breaks the rules on request: frames are written one by one."""

import socket
import struct
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
ACK = END_STREAM = 0x1
END_HEADERS = 0x4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(**values):
    ids = {"header_table_size": 1, "max_concurrent_streams": 3, "initial_window_size": 4, "max_frame_size": 5}
    return frame(
        SETTINGS, 0, 0, b"".join(struct.pack(">HI", ids[name], value) for name, value in values.items())
    )


def hpack_int(value, bits, head):
    most = (1 << bits) - 1
    if value < most:
        return bytes([head | value])
    out = bytearray([head | most])
    value -= most
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def hpack_str(text):
    return hpack_int(len(text), 7, 0) + text


def literal(name, value, indexed=False):
    """A header field as a literal with a literal name."""
    return bytes([0x40 if indexed else 0]) + hpack_str(name) + hpack_str(value)


def request_headers(path, extra=()):
    fields = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path.encode()),
        (b":authority", b"localhost"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
        *extra,
    ]
    return b"".join(literal(name, value) for name, value in fields)


def grpc_message(body):
    return b"\0" + struct.pack(">I", len(body)) + body


class Peer:
    """One connection. `hello` sends what a well-behaved client begins with."""

    def __init__(self, address, hello=True, **options):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        if hello:
            self.send(PREFACE + settings(**options))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """False: the server has closed, or takes nothing for 10 s."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def call(self, stream, path, body, extra=()):
        return self.send(
            frame(HEADERS, END_HEADERS, stream, request_headers(path, extra))
            + frame(DATA, END_STREAM, stream, grpc_message(body))
        )

    def reset_connection(self):
        """Leaves without a word: the server sees a reset, not an end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def frames(self, seconds=10):
        """Yields (kind, flags, stream, payload) until the server closes or is silent for so long."""
        deadline = time.monotonic() + seconds
        while True:
            while len(self.buffer) >= 9:
                length = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) < 9 + length:
                    break
                kind, flags = self.buffer[3:5]
                stream = int.from_bytes(self.buffer[5:9], "big")
                payload = self.buffer[9 : 9 + length]
                self.buffer = self.buffer[9 + length :]
                yield kind, flags, stream, payload
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                chunk = self.socket.recv(65536)
            except OSError:
                return
            if not chunk:
                return
            self.buffer += chunk

    def is_closed_within(self, seconds):
        """The server ends the connection; what it still sends is read and thrown away."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                if not self.socket.recv(65536):
                    return True
            except TimeoutError:
                return False
            except OSError:
                return True
        return False
