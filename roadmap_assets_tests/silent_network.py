"""A proxy on loopback that can fall silent: connections stay open, and nothing is forwarded any longer.

As a network does that drops packets behind a proxy or firewall, which goes on to answer TCP's own probes.
"""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class SilentNetwork:
    """Forwards connections at `port` to the server at `to_port`, as long as the `with` block lasts."""

    def __init__(self, to_port: int) -> None:
        self._to = ("127.0.0.1", to_port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._other_end: dict[socket.socket, socket.socket] = {}
        self._forwarded: set[socket.socket] = set()
        self.is_silent = False
        self._over = False
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._forward)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        self._thread.join()
        for end in (self._listening, *self._other_end):
            end.close()

    def fall_silent(self, *, for_new_connections: bool = True) -> None:
        """Forward nothing from now on; or only of connections that are made later."""
        self.is_silent = for_new_connections
        self._forwarded = set()

    def speak(self) -> None:
        """Forward new connections; those that fell silent stay so."""
        self.is_silent = False

    def _forward(self) -> None:
        while not self._over:
            readable, _, _ = select.select([self._listening, *self._forwarded], [], [], 0.02)
            for end in readable:
                if end is self._listening:
                    self._connect()
                elif end in self._forwarded:
                    self._pass_on(end)

    def _connect(self) -> None:
        client, _ = self._listening.accept()
        server = socket.create_connection(self._to)
        self._other_end |= {client: server, server: client}
        if not self.is_silent:
            self._forwarded |= {client, server}

    def _pass_on(self, end: socket.socket) -> None:
        data = b""
        with suppress(ConnectionError):
            data = end.recv(2**16)
            self._other_end[end].sendall(data)
        if not data:
            for each in (end, self._other_end[end]):
                self._forwarded.discard(each)
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
