"""Whether Gemini can be reached at all: a circuit breaker, so that a server that is down costs one batch's attempts.

The circuit begins half-open, and is half-open again once a call could not be sent: one batch tries, and the others
wait, before they take a permit, until its connection stands (M. Nygard, "Release It!",
https://martinfowler.com/bliki/CircuitBreaker.html). It never opens: whoever tries gives up after its attempts.
"""

from __future__ import annotations

import asyncio


class Circuit:
    """Lets calls pass while it is `closed`, and those of one batch while it is half-open."""

    def __init__(self) -> None:
        self.closed = False
        self._trying: int | None = None
        self._changed = asyncio.Event()

    async def passed(self, batch: int) -> None:
        """Wait until a call of this batch may be sent."""
        while not self.closed and self._trying not in (None, batch):
            await self._changed.wait()
        if not self.closed:
            self._trying = batch

    def close(self) -> None:
        """A connection stands."""
        if not self.closed:
            self.closed = True
            self._change()

    def trip(self, batch: int) -> None:
        """A call of this batch could not be sent; it is the one to try again, unless another does already."""
        self.closed = False
        if self._trying is None:
            self._trying = batch

    def leave(self, batch: int) -> None:
        """This batch sends nothing further; if it was the one to try, it is another's turn."""
        if self._trying == batch:
            self._change()

    def _change(self) -> None:
        self._trying = None
        self._changed.set()
        self._changed = asyncio.Event()
