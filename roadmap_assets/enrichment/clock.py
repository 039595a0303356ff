"""Time, passed in: whatever waits takes a clock, and is proven on a simulated one for days in milliseconds."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """The time of day, and a way to wait for a later one."""

    def time(self) -> float:
        """Seconds since 1970 in UTC. The clock may be set, so that a later call may return an earlier time."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when so many seconds have passed; at once when there are none to wait."""
        ...


class SystemClock:
    """The machine's clock."""

    def time(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
