"""The sign of life of a lease holder beside a DuckDB file: a file that it keeps locked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from roadmap_assets.errors import WarehouseUnwritable
from roadmap_assets.warehouse.base import Connection


class LockFile:
    """A `SignOfLife`: the operating system releases a file's lock even after `kill -9`."""

    def __init__(self, database: Path, holder: str) -> None:
        self._folder = database.with_name(f"{database.name}.holders")
        self._file = self._folder / holder
        self._lock = FileLock(self._file, thread_local=False)

    def show(self) -> None:
        """See `SignOfLife`."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except OSError as error:
            raise WarehouseUnwritable(
                f"cannot write beside the database into {self._folder}: {error.strerror}; set ROADMAP_DB to another "
                "place, or make room on its disk"
            ) from None

    def hide(self, *, forgotten: bool) -> None:
        """See `SignOfLife`."""
        self._lock.release()
        if forgotten:
            self._file.unlink(missing_ok=True)

    def keep_showing(self, connection: Connection) -> None:
        """See `SignOfLife`; a lock stays."""

    def dead(self, connection: Connection, renewed: Mapping[str, datetime]) -> set[str]:  # noqa: ARG002
        """See `SignOfLife`. A holder whose file was removed lives by its row.

        So the files of the dead are removed only when their rows are: a process that is killed before it commits, or
        rolls back, leaves both.
        """
        found: list[Path] = []
        with suppress(FileNotFoundError):  # the folder was removed: then the database alone decides
            found = [path for path in self._folder.iterdir() if not _lives(path)]
        connection.after_commit(partial(_remove, found))
        return {path.name for path in found}


def _lives(lock_file: Path) -> bool:
    probe = FileLock(lock_file, timeout=0)
    try:
        probe.acquire()
    except (Timeout, FileNotFoundError):
        return True
    probe.release()
    return False


def _remove(lock_files: Sequence[Path]) -> None:
    """Remove those whose lock nobody holds."""
    for lock_file in lock_files:
        with suppress(Timeout, FileNotFoundError), FileLock(lock_file, timeout=0):
            # While it is locked, so that a holder about to take the lock finds the file gone and creates a new one.
            lock_file.unlink(missing_ok=True)
