"""A clock whose time passes only when everything waits: days go by in milliseconds, in the same order each time."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

from roadmap_assets.enrichment.clock import Instant


class FakeClock:
    """Virtual time for coroutines of one event loop at a time.

    When nothing else is left to run, time jumps to the end of the earliest sleep, and only that sleeper is woken;
    those with the same end wake in the order in which they went to sleep. ``quiet_s`` is how many real seconds to wait
    before a jump: use about 0.02 where coroutines also wait for sockets or threads.
    """

    def __init__(self, start: float = 1_790_000_000.0, *, quiet_s: float = 0.0) -> None:
        self._now = start
        self._stepped_s = 0.0
        self._boots = 1
        self._booted_at = 0.0
        self._quiet_s = quiet_s
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()
        self._watched: asyncio.AbstractEventLoop | None = None

    def time(self) -> float:
        return self._now + self._stepped_s

    def now(self) -> Instant:
        return Instant(f"boot {self._boots}", self._now - self._booted_at, self.time())

    def step(self, seconds: float) -> None:
        """Set the time of day, back or forward, as an administrator or NTP would; no time passes."""
        self._stepped_s += seconds

    def reboot(self, *, off_s: float) -> None:
        """Switch the machine off for so long; its monotonic clock begins at 0 again."""
        self._now += off_s
        self._booted_at = self._now
        self._boots += 1

    def advance(self, seconds: float) -> None:
        """Let time pass without any sleeper to wake."""
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
