"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import filecmp
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roadmap_assets.errors import OutputNotWritable


def check_writable(path: Path) -> None:
    """Find out by trying, and without leaving a trace, whether `path` can be written.

    Raises:
        OutputNotWritable: it cannot.
    """
    with _complaining(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if not _is_device(path):
            # A probe, since permission bits say nothing to root, of a full disk or of a read-only file system.
            with tempfile.TemporaryFile(dir=next(p for p in path.absolute().parents if p.exists())):
                pass


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Where to write: the file becomes `path` when the block ends; when it raises, what was there stays.

    A file with the same content stays too, with its time of modification.

    Raises:
        OutputNotWritable: as `check_writable`, or for any OSError in the block.
    """
    check_writable(path)
    with _complaining(path):
        if _is_device(path):
            yield path
            return
        target = Path(os.path.realpath(path))  # a link stays a link
        target.parent.mkdir(parents=True, exist_ok=True)
        # Two processes may write one file at once, so each has its own.
        unfinished = target.with_name(f".{os.urandom(8).hex()}.part")
        try:
            yield unfinished
            if not (target.is_file() and filecmp.cmp(unfinished, target, shallow=False)):
                unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)


def _is_device(path: Path) -> bool:
    """Whether it is something such as /dev/null or a pipe, which must be written to and never replaced."""
    return path.exists() and not path.is_file()


@contextmanager
def _complaining(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputNotWritable(
            f"cannot write {path}: {error.strerror or error}; set ROADMAP_OUTPUT to another folder"
        ) from None
