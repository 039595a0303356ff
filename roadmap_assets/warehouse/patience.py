"""Waiting for a database that another process holds."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from roadmap_assets.errors import WarehouseBusy

_NOTICE_AFTER_S = 1.0
_POLL_S = 0.02


class HeldByAnother(Exception):
    """Somebody else holds the database at the moment; the text says who."""


class Patience:
    """Waits between attempts, and gives up when the database has not changed hands for `wait_s` seconds."""

    def __init__(self, lock_file: Path, wait_s: float, on_wait: Callable[[str], None], path: Path) -> None:
        self._lock_file = lock_file
        self._wait_s = wait_s
        self._on_wait = on_wait
        self._path = path
        self._began = self._changed = time.monotonic()
        self._last = self._holding()
        self._noticed = False

    def wait(self, held: HeldByAnother) -> None:
        """Sleep a moment. Raises WarehouseBusy when nobody makes progress."""
        now = time.monotonic()
        if (holding := self._holding()) != self._last:
            self._last, self._changed = holding, now
        if now - self._changed >= self._wait_s:
            raise WarehouseBusy(
                f"the database {self._path} has been held by {held} for more than {self._wait_s:g} s; "
                "end that, or try again later"
            ) from None
        if now - self._began >= _NOTICE_AFTER_S and not self._noticed:
            self._noticed = True
            self._on_wait(f"Waiting for the database {self._path}, which is held by {held} …")
        time.sleep(_POLL_S)

    def _holding(self) -> int:
        """When the database was last taken, which each process notes in the lock file."""
        try:
            return self._lock_file.stat().st_mtime_ns
        except OSError:
            return 0
