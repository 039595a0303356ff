"""Time, passed in: whatever waits takes a clock, so that tests can simulate days in milliseconds."""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path
from typing import Protocol

from msgspec import Struct

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
"""Linux's CLOCK_BOOTTIME and macOS's CLOCK_MONOTONIC go on while the machine sleeps."""


class Instant(Struct, frozen=True):
    """One moment on both clocks: `wall` can be set at any time, `monotonic` only compares within one `boot`."""

    boot: str
    monotonic: float
    wall: float


class Clock(Protocol):
    """The time of day, a clock that nobody can set, and a way to wait."""

    def time(self) -> float:
        """Seconds since 1970 in UTC. The clock may be set, so a later call may return an earlier time."""
        ...

    def now(self) -> Instant:
        """Both clocks at once. All processes of a machine read the same monotonic clock."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds; at once for zero or less."""
        ...


class SystemClock:
    """The machine's clock."""

    def time(self) -> float:
        return time.time()

    def now(self) -> Instant:
        monotonic = time.monotonic() if _MONOTONIC is None else time.clock_gettime(_MONOTONIC)
        return Instant(self._boot, monotonic, self.time())

    async def sleep(self, seconds: float) -> None:
        import asyncio  # 30 ms of import, and most runs wait for nothing

        await asyncio.sleep(seconds)

    @cached_property
    def _boot(self) -> str:
        """Empty where the system has no boot id: there, a monotonic clock that went back reveals a new boot."""
        try:
            return _BOOT_ID.read_text().strip()
        except OSError:
            return ""
