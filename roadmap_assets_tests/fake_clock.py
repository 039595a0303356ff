"""A clock whose time passes only when everybody waits: days go by in milliseconds, in the same order each time."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count


class FakeClock:
    """Virtual time for coroutines of one event loop at a time.

    When nothing else is left to run, time jumps to the end of the earliest sleep, and that sleeper alone is woken;
    those with the same end wake in the order in which they went to sleep. ``quiet_s`` are real seconds to let pass
    before a jump: give some 0.02 where coroutines wait for sockets or threads beside the clock.
    """

    def __init__(self, start: float = 1_790_000_000.0, *, quiet_s: float = 0.0) -> None:
        self._now = start
        self._quiet_s = quiet_s
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()
        self._watched: asyncio.AbstractEventLoop | None = None

    def time(self) -> float:
        return self._now

    def set(self, now: float) -> None:
        """Set the clock, back or on, as an administrator would; sleeps end at the time of day that they did before."""
        self._now = now

    def advance(self, seconds: float) -> None:
        """Let time pass while nobody waits for it."""
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (self._now + max(seconds, 0.0), next(self._order), woken))
        if self._watched is not loop:
            self._watched = loop
            loop.call_soon(self._watch, loop, False)
        await woken

    def _watch(self, loop: asyncio.AbstractEventLoop, quiet: bool) -> None:
        """Runs once a turn of the loop; jumps after two turns with nothing else to run (one has asked the sockets)."""
        if loop._ready:  # type: ignore[attr-defined]  # asyncio has no public way to ask whether it is idle
            loop.call_soon(self._watch, loop, False)
        elif not quiet:
            loop.call_later(self._quiet_s, self._watch, loop, True)
        elif self._wake_earliest():
            loop.call_soon(self._watch, loop, False)
        else:
            self._watched = None

    def _wake_earliest(self) -> bool:
        while self._sleepers:
            end, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():  # the end of a cancelled sleep is no reason for time to pass
                self._now = max(self._now, end)
                woken.set_result(None)
                return True
        return False
