"""Opening the DuckDB database safely across threads and processes.

A DuckDB file takes one writing process, and DuckDB 2.0 loses committed rows when processes take turns by retrying
`connect`. So every access takes an inter-process file lock of our own, opens, works and closes, and never spans a
network call: another process waits milliseconds, not the length of a request.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from roadmap_assets.errors import RoadmapAssetsError, WarehouseError, WarehouseUnreadable, WarehouseUnwritable
from roadmap_assets.warehouse.attached import Attached, DuckDBConnection, start_duckdb
from roadmap_assets.warehouse.base import Connection, SignOfLife
from roadmap_assets.warehouse.checkpoint import SERIES_LOG_BYTES, log_size, undo_half_made
from roadmap_assets.warehouse.journal import Journal
from roadmap_assets.warehouse.lock_files import LockFile
from roadmap_assets.warehouse.migrations import migrate
from roadmap_assets.warehouse.patience import HeldByAnother, Patience

_BASE_BYTES = 16 * 2**20
_ANSWER_BYTES = 8 * 2**10
"""Several times what an answer with its ledger row takes, as the log and the database hold it at the same time."""


class Warehouse:
    """The database at `path`, created with its folder on first use.

    Cheap to make and safe to share between threads: it holds no connection. `on_wait` is called once per access with a
    sentence when the database is held by another process for longer than a second. An access gives up when the
    database has not changed hands for `wait_s` seconds; as long as others get it and return it, it waits its turn.
    """

    def __init__(self, path: Path, *, wait_s: float = 30.0, on_wait: Callable[[str], None] = lambda _: None) -> None:
        # Absolute, since DuckDB reads names such as ":memory:" as something else than a file; and with symbolic links
        # resolved, so that two names of one file lead to one lock.
        self.path = Path(os.path.realpath(path))
        self.journal = Journal(self.path)
        self._wait_s = wait_s
        self._on_wait = on_wait
        self._series = 0

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction, committed when the block ends and rolled back when it raises.

        Raises:
            WarehouseBusy: another program holds the database.
            WarehouseUnreadable: the file is no DuckDB database, or was made by a newer version of this project.
            WarehouseUnwritable: the disk is full or fails; nothing of the transaction is stored.
        """
        lock, attached = self._enter_patiently()
        try:
            with _duckdb_errors_explained(self.path), attached as raw:
                connection = DuckDBConnection(raw)
                raw.begin()
                try:
                    migrate(connection, self.name)
                    self.journal.take_in(connection)
                    yield connection
                    raw.commit()
                except BaseException:
                    with suppress(duckdb.Error):  # the failed statement may have ended the transaction already
                        raw.rollback()
                    raise
                connection.committed()
        finally:
            lock.release()

    @contextmanager
    def series(self) -> Iterator[None]:
        """See `Warehouse` in `base`: a checkpoint after each access would take longer than most of them."""
        self._series += 1
        try:
            yield
        finally:
            self._series -= 1
            if not self._series and log_size(self.path):
                # If another process is using the database, its access, or the next one, empties the log.
                with suppress(WarehouseError), Warehouse(self.path, wait_s=0).transaction():
                    pass

    @property
    def name(self) -> str:
        """The path of the file."""
        return str(self.path)

    def exists(self) -> bool:
        """Whether there is a file."""
        return self.path.exists()

    def describe(self) -> str:
        """The size of the file."""
        return f"{self.path.stat().st_size / 2**20:.1f} MB"

    def sign_of_life(self, holder: str) -> SignOfLife:
        """A lock file beside the database."""
        return LockFile(self.path, holder)

    def require_room(self, *, answers: int) -> None:
        """Raise WarehouseUnwritable unless the disk has room for this many answers, before they are paid for."""
        needed = _BASE_BYTES + answers * _ANSWER_BYTES
        free = shutil.disk_usage(self.path.parent).free
        if free < needed:
            raise WarehouseUnwritable(
                f"the disk of the database {self.path} has {free / 2**20:,.0f} MB free, and {answers} answers may need "
                f"{needed / 2**20:,.0f} MB; nothing was asked. Make room, or set ROADMAP_DB to another place"
            )

    def _enter_patiently(self) -> tuple[FileLock, Attached]:
        start_duckdb()  # not while others wait for the lock
        patience = Patience(self._lock_file, self._wait_s, self._on_wait, self.path)
        while True:
            try:
                return self._enter()
            except HeldByAnother as held:
                patience.wait(held)

    def _enter(self) -> tuple[FileLock, Attached]:
        """Take our lock and open the database, or raise HeldByAnother and hold nothing."""
        # A lock object of its own for each access keeps threads apart as well as processes.
        lock = FileLock(self._lock_file, timeout=0)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # FileLock takes some folders that cannot be written for a lock that is held.
            os.close(os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o644))
            lock.acquire()
        except Timeout:
            raise HeldByAnother(_process_in(self._lock_file)) from None
        except OSError as error:
            raise self._unusable(error) from None
        try:
            attached = self._attach()
            with suppress(OSError):  # shown to processes that wait, and a sign of progress
                self._lock_file.write_text(str(os.getpid()))
            return lock, attached
        except BaseException:
            lock.release()
            raise

    @property
    def _lock_file(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")

    def _attach(self) -> Attached:
        try:
            if not self.path.exists():
                with _duckdb_errors_explained(self.path):
                    self._create()
            elif not self.path.is_file():
                raise WarehouseUnreadable(_NOT_OURS.format(path=self.path))
            undo_half_made(self.path)
            return Attached(self.path, log_bytes=SERIES_LOG_BYTES if self._series else 0)
        except BlockingIOError:
            raise HeldByAnother("another program") from None
        except OSError as error:
            raise self._unusable(error) from None
        except duckdb.Error as error:
            reason = _first_line(error)
            if "Could not set lock" in reason:
                raise HeldByAnother(_holder(reason)) from None
            if "already attached" in reason:
                raise HeldByAnother("another duckdb.connect in this very process") from None
            if "not a valid DuckDB database" in reason:
                raise WarehouseUnreadable(_NOT_OURS.format(path=self.path)) from None
            raise WarehouseUnreadable(
                f"cannot open the database {self.path}: {reason}; it was left untouched. Set ROADMAP_DB to another "
                "file, or restore this one"
            ) from None

    def _create(self) -> None:
        """An empty database, whole or not at all: a process may be killed while DuckDB writes the file's header."""
        unfinished = self.path.with_name(f"{self.path.name}.new")
        unfinished.unlink(missing_ok=True)
        with Attached(unfinished):
            pass
        self.path.with_name(f"{self.path.name}.wal").unlink(missing_ok=True)  # of a database that was removed
        unfinished.replace(self.path)

    def _unusable(self, error: OSError) -> WarehouseUnreadable:
        return WarehouseUnreadable(
            f"cannot use the database {self.path}: {error.strerror} ({error.filename}); set ROADMAP_DB to another place"
        )


_NOT_OURS = (
    "{path} is not a DuckDB database; it was left untouched. Set ROADMAP_DB to another file, or move this one away"
)


@contextmanager
def _duckdb_errors_explained(path: Path) -> Iterator[None]:
    """What DuckDB raises inside a transaction for reasons outside this program, as errors for people."""
    try:
        yield
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise WarehouseUnreadable(
            f"the database {path} does not have the tables it should ({_first_line(error)}): it was changed by another "
            "program. Set ROADMAP_DB to another file, or restore this one"
        ) from error
    except (duckdb.OperationalError, duckdb.InternalError, duckdb.FatalException) as error:
        raise _failed(path, _first_line(error)) from error


def _failed(path: Path, reason: str) -> RoadmapAssetsError:
    if "orrupt" in reason or "checksum" in reason or "Could not read enough bytes" in reason:
        return WarehouseUnreadable(f"the database {path} is damaged ({reason}); restore it, or move it away")
    return WarehouseUnwritable(
        f"the database {path} could not be written ({reason}); nothing of this step was stored. "
        "Make room on its disk, or set ROADMAP_DB to another place, and run again"
    )


def _first_line(error: duckdb.Error) -> str:
    return str(error).strip().splitlines()[0]


def _holder(reason: str) -> str:
    """`another program, python3.11 (PID 5292)`, from DuckDB's "Conflicting lock is held in … (PID …)"."""
    found = reason.partition("held in ")[2].partition(" See also")[0].rstrip(". ")
    return f"another program, {found}" if found else "another program"


def _process_in(lock_file: Path) -> str:
    """The process that holds our own lock, from the number it wrote to the file."""
    try:
        number = lock_file.read_text()
    except OSError:
        number = ""
    return f"another run (PID {number})" if number.isdigit() else "another run"
