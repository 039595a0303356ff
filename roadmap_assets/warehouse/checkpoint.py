"""Checkpoints that can be killed at any moment without damage to the database.

DuckDB writes what a checkpoint stores to free blocks of the file, but rewrites the blocks of its metadata in place,
and only then the header that makes all of it valid. A process killed within such a write leaves half a block and a
database that nobody can open ("Corrupt database file", DuckDB 1.5.6). So a copy of these blocks lies beside the
database while a checkpoint runs, and whoever opens the database after a kill puts them back: a rollback journal, as in
SQLite (https://www.sqlite.org/atomiccommit.html). What was committed is in the write-ahead log until the header is
written, so nothing is lost.
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_HEADERS = (4096, 8192)
"""Where the two database headers are, of which each checkpoint writes one: offset and length, in bytes."""
_FIRST_BLOCK = 3 * 4096
_PIECE = struct.Struct("<QQ")

SERIES_LOG_BYTES = 256 * 2**10
"""A log of up to this size is left to the next access: reading it takes less time than a checkpoint, which moves it."""


class Checkpoints:
    """The checkpoints of an attached database, named `alias` in `connection`, whose file is at `path`.

    A log of at most `log_bytes` is left as it is. DuckDB must make no checkpoint by itself: see `BY_US_ALONE`.
    """

    BY_US_ALONE = (
        "PRAGMA disable_checkpoint_on_shutdown",  # which includes DETACH
        "SET wal_autocheckpoint = '1000 TB'",
        "SET auto_checkpoint_skip_wal_threshold = 1000000000000000",
    )
    """Statements after which DuckDB makes no checkpoint that it is not asked for."""

    def __init__(self, connection: DuckDBPyConnection, alias: str, path: Path, *, log_bytes: int) -> None:
        self._connection = connection
        self._alias = alias
        self._path = path
        self._log_bytes = log_bytes
        # Open until the database is detached: closing any descriptor of a file ends all of the process's POSIX locks
        # on it, and with them DuckDB's protection from other programs.
        self._file = path.open("rb", buffering=0)

    def close(self) -> None:
        """Close the file; only after the database is detached."""
        self._file.close()

    def make(self) -> None:
        """Move what the write-ahead log holds into the database file, if that is more than may be left.

        Raises:
            duckdb.Error: the disk is full or fails. What was committed stays in the log.
        """
        if log_size(self._path) <= self._log_bytes:
            return
        try:
            self._keep_metadata()
        except OSError:
            return  # no room for the copy: the log keeps all of it until the next access
        self._connection.execute(f"CHECKPOINT {self._alias}")
        _copy_of(self._path).unlink(missing_ok=True)

    def _keep_metadata(self) -> None:
        pieces = [_HEADERS, *((_FIRST_BLOCK + block * size, size) for block, size in self._metadata_blocks())]
        content = b"".join(
            _PIECE.pack(offset, length) + os.pread(self._file.fileno(), length, offset) for offset, length in pieces
        )
        with _copy_of(self._path).open("wb") as file:
            file.write(zlib.crc32(content).to_bytes(4, "little") + content)
            file.flush()
            os.fsync(file.fileno())

    def _metadata_blocks(self) -> list[tuple[int, int]]:
        """The number and the size in bytes of each block that holds metadata."""
        # The alias, a word of our own, is no parameter: DuckDB imports pandas, which takes a second, for the first one.
        return self._connection.execute(
            f"SELECT block_id, block_size FROM pragma_metadata_info('{self._alias}'), pragma_database_size() "
            f"WHERE database_name = '{self._alias}'"
        ).fetchall()


def undo_half_made(path: Path) -> None:
    """Put back the metadata of a database whose last checkpoint was killed. The caller has the database to itself.

    Raises:
        BlockingIOError: another program has the database open.
        OSError: the file cannot be written.
    """
    copy = _copy_of(path)
    with suppress(FileNotFoundError):
        pieces = _read(copy)
        if pieces:  # else it was killed while the copy was written, before the checkpoint
            with path.open("r+b") as file:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # DuckDB's own lock
                _put_back(file, pieces)
        copy.unlink()


def _put_back(file: BinaryIO, pieces: list[tuple[int, bytes]]) -> None:
    (offset, headers), *blocks = pieces
    file.seek(offset)
    if file.read(len(headers)) != headers:
        return  # the checkpoint was made, and so were perhaps others
    for offset, block in blocks:
        file.seek(offset)
        file.write(block)
    file.flush()
    os.fsync(file.fileno())


def _read(copy: Path) -> list[tuple[int, bytes]]:
    """The pieces that were kept, with their offsets; none if the copy is not whole."""
    content = copy.read_bytes()
    kept, content = content[:4], content[4:]
    if kept != zlib.crc32(content).to_bytes(4, "little"):
        return []
    pieces = []
    while content:
        offset, length = _PIECE.unpack_from(content)
        end = _PIECE.size + length
        pieces.append((offset, content[_PIECE.size : end]))
        content = content[end:]
    return pieces


def log_size(database: Path) -> int:
    """The bytes in the write-ahead log of a database that is committed but not yet in its file."""
    with suppress(FileNotFoundError):
        return _log_of(database).stat().st_size
    return 0


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")


def _copy_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.undo")
