"""The request to stop asking, and waits that end when it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from typing import TypeVar

from roadmap_assets.enrichment.engine.events import OnEvent, Stopped
from roadmap_assets.errors import RoadmapAssetsError

_T = TypeVar("_T")


class Stop:
    """Ends a run early: no further call is sent, while replies in flight are still stored.

    The first request counts: `reason` says why, `until` when the quota reopens, if that is known, and `error` is what
    the run raises once everything is stored.
    """

    def __init__(self, on_event: OnEvent) -> None:
        self.reason = ""
        self.until: datetime | None = None
        self.error: RoadmapAssetsError | None = None
        self._on_event = on_event
        self._interruptible: set[asyncio.Task[object]] = set()

    @property
    def requested(self) -> bool:
        """Whether the run is to stop."""
        return bool(self.reason)

    def request(self, reason: str, *, until: datetime | None = None, error: RoadmapAssetsError | None = None) -> None:
        """Stop the run, and cancel every other task in an interruptible wait."""
        if self.requested:
            return
        self.reason, self.until, self.error = reason, until, error
        self._on_event(Stopped(reason))
        for task in self._interruptible - {asyncio.current_task()}:
            task.cancel()

    async def on_error(self, part: Awaitable[None]) -> None:
        """Await a part of the run, and stop when it fails; replies in flight are paid for, and still stored."""
        try:
            await part
        except RoadmapAssetsError as error:
            reason, _, _ = str(error).partition(";")
            self.request(reason, error=error)

    async def interruptible(self, awaitable: Awaitable[_T]) -> _T:
        """Wait for something while no request is in flight: a stop cancels the waiting task."""
        task = asyncio.current_task()
        assert task is not None  # only a coroutine can get here
        self._interruptible.add(task)
        try:
            return await awaitable
        finally:
            self._interruptible.discard(task)
