"""Answers on their way to the client: late, in pieces, broken off, and what the log says of them."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from roadmap_assets.simulator.faults import Drip, Drop, Fault, Hang


@dataclass(slots=True)
class SeenRequest:
    """A request to the Gemini endpoints; filled in while it is served. Times are seconds since the epoch, ``at``
    that of its arrival in whole.

    ``topics`` are names, ``ids`` the ids beside them; ``tier`` is the service tier that served, ``deadline_s`` what the
    client asked for by ``X-Server-Timeout``. ``status`` is
    None when no status was sent. ``outcome`` is ``answered``, ``refused`` (by the key, the model's name or the form
    of the request), ``over quota (…)``, or the fault it met (``edit (omit)``, ``drop``, …); ``client_left``: the
    client did not wait for all of it.
    """

    at: float
    method: str
    path: str
    model: str = ""
    topics: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    tier: str = ""
    deadline_s: int | None = None
    status: int | None = None
    outcome: str = ""
    client_left: bool = False
    finished_at: float | None = None


class Outgoing(Response):
    """An answer on its way, with what its fault does to the connection; notes in the log how it ended."""

    def __init__(
        self,
        seen: SeenRequest,
        status: int,
        body: bytes,
        *,
        outcome: str = "answered",
        media_type: str = "application/json; charset=UTF-8",
        fault: Fault | None = None,
        latency_s: float = 0.0,
    ) -> None:
        headers = {"x-gemini-service-tier": seen.tier} if seen.tier else None
        super().__init__(body, status, headers=headers, media_type=media_type)
        seen.outcome = outcome
        self._seen, self._content, self._fault, self._latency_s = seen, body, fault, latency_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.monotonic()  # the clock that is waited by, which the wall clock may drift from
        try:
            self._seen.client_left = await self._deliver(scope, receive, send)
        finally:
            self._seen.finished_at = self._seen.at + time.monotonic() - began

    async def _deliver(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Send the answer, or as much as the fault allows; true when the client had left before that."""
        if self._latency_s and await _client_leaves(receive, within_s=self._latency_s):
            return True
        transport: asyncio.Transport = scope["state"]["transport"]
        match self._fault:
            case Hang(seconds=seconds) if await _client_leaves(receive, within_s=seconds):
                return True
            case Drop(at="before"):
                return await self._drop(transport, receive)
            case Drop(at="middle"):
                await self._start(send)
                await self._piece(send, self._content[: len(self._content) // 2])
                return await self._drop(transport, receive)
            case Drip(pause_s=pause_s, chunk_bytes=size):
                return await self._drip(receive, send, pause_s=pause_s, size=size)
        self._seen.status = self.status_code
        await super().__call__(scope, receive, send)
        return False

    async def _drop(self, transport: asyncio.Transport, receive: Receive) -> bool:
        assert isinstance(self._fault, Drop)
        if self._fault.reset:  # a socket that lingers for no time is closed with a RST
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.close()
        await _client_leaves(receive, within_s=None)  # the server may not think that an answer is still to come
        return False

    async def _drip(self, receive: Receive, send: Send, *, pause_s: float, size: int) -> bool:
        await self._start(send)
        for start in range(0, len(self._content), size):
            if await _client_leaves(receive, within_s=pause_s):
                return True
            await self._piece(send, self._content[start : start + size])
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return False

    async def _start(self, send: Send) -> None:
        self._seen.status = self.status_code
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

    async def _piece(self, send: Send, body: bytes) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _client_leaves(receive: Receive, *, within_s: float | None) -> bool:
    """Wait this long, for ever with None; true as soon as the connection is gone."""
    try:
        async with asyncio.timeout(within_s):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True
