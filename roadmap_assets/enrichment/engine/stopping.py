"""When a run asks nothing further, and how it tells whether its batches are at fault or the provider."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from typing import TypeVar

from roadmap_assets.enrichment.engine.events import OnEvent, Stopped

UNUSABLE_STREAK = 8
"""So many calls in a row without one usable object, and it is not the batches: stop."""

UNREACHED_STREAK = 3
"""So many batches in a row that used up their attempts while nothing else got through: stop.

Fewer may be the doing of one bad topic, in its batch and then in a half of it.
"""

_T = TypeVar("_T")


class Stop:
    """The end of asking: false until it is called, with the reason and, where known, until when the quota is closed.

    What is on the wire by then may still be answered; whoever waits in `waiting` is cancelled.
    """

    def __init__(self, on_event: OnEvent) -> None:
        self.reason = ""
        self.until: datetime | None = None
        self._on_event = on_event
        self._waiting: set[asyncio.Task[object]] = set()

    def __bool__(self) -> bool:
        return bool(self.reason)

    def __call__(self, reason: str, *, until: datetime | None = None) -> None:
        if self.reason:
            return
        self.reason, self.until = reason, until
        self._on_event(Stopped(reason))
        for task in self._waiting - {asyncio.current_task()}:
            task.cancel()

    async def waiting(self, awaitable: Awaitable[_T]) -> _T:
        """Wait in a way that a stop ends: nothing is on the wire."""
        task = asyncio.current_task()
        assert task is not None  # only batches wait like this
        self._waiting.add(task)
        try:
            return await awaitable
        finally:
            self._waiting.discard(task)


class Streaks:
    """Calls in a row that came to nothing: `unreached` batches used up their attempts, `usable` calls ended that."""

    def __init__(self) -> None:
        self.usable = 0
        self.unreached = 0
        self._unusable = 0
        self._known_at = 0.0

    def broken(self, *, sent_at: float) -> None:
        """Something of use came back; sent before the first useless reply was known, it says nothing of those after."""
        self.usable += 1
        self.unreached = 0
        if sent_at >= self._known_at:
            self._unusable = 0

    def count_unusable(self, *, sent_at: float, now: float) -> None:
        """A reply was of no use (monotonic times); those sent before the first one was known say nothing new."""
        if not self._unusable:
            self._unusable, self._known_at = 1, now
        elif sent_at >= self._known_at:
            self._unusable += 1

    @property
    def replies_are_useless(self) -> bool:
        """Whether it is time to stop because of what comes back."""
        return self._unusable >= UNUSABLE_STREAK

    @property
    def nobody_answers(self) -> bool:
        """Whether it is time to stop because nothing comes back."""
        return self.unreached >= UNREACHED_STREAK
