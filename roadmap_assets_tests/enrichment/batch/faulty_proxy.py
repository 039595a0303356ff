"""A server in front of another one, which answers some requests itself, wrongly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import httpx2


@dataclass(frozen=True)
class Wrong:
    """An answer of its own, or the loss of the other server's: all of it, or its second half."""

    status: int = 200
    body: bytes = b""
    lost: Literal["", "all", "half"] = ""


@dataclass
class Proxy:
    """`wrong` has the answers, in order, to the next requests of a method whose path contains a text."""

    url: str
    wrong: dict[tuple[str, str], list[Wrong]] = field(default_factory=dict)

    def next_wrong(self, method: str, path: str) -> Wrong | None:
        """The wrong answer to this request, if it gets one."""
        for (of_method, part), answers in self.wrong.items():
            if of_method == method and part in path and answers:
                return answers.pop(0)
        return None


@contextmanager
def proxy_to(url: str) -> Iterator[Proxy]:
    """A proxy in front of the server at `url`."""
    proxy = Proxy("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            wrong = proxy.next_wrong(self.command, self.path)
            if wrong and not wrong.lost:
                self._send(wrong.status, {"Content-Type": "application/json"}, wrong.body)
                return
            kept = {
                name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length")
            }
            answer = httpx2.request(self.command, f"{url}{self.path}", headers=kept, content=body)
            headers = {name: value for name, value in answer.headers.items() if name.startswith(("content-type", "x-"))}
            if wrong:
                self.close_connection = True
            if not (wrong and wrong.lost == "all"):
                self._send(answer.status_code, headers, answer.content, half=wrong is not None)

        def _send(self, status: int, headers: dict[str, str], body: bytes, *, half: bool = False) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if half else body)

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        try:
            yield proxy
        finally:
            server.shutdown()
