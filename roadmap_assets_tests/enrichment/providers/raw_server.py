"""A server that answers every request with the same bytes, whether they are HTTP or not."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def answering(*pieces: bytes, endless: bytes = b"") -> Iterator[str]:
    """The URL of a server that sends these pieces, then `endless` until the client leaves, then closes."""

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(10)
            with suppress(OSError):
                _read_request(self.request)
                for piece in pieces:
                    self.request.sendall(piece)
                while endless:
                    self.request.sendall(endless)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """An HTTP reply, which ends with the connection unless a header says otherwise."""
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", "Connection: close", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def _read_request(connection: socket.socket) -> None:
    """Read a whole request; otherwise the client gets a reset connection instead of the answer."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
