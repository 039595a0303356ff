"""Files that appear whole or not at all, on this machine or in an object store."""

from __future__ import annotations

import errno
import filecmp
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from roadmap_assets.errors import OutputNotWritable
from roadmap_assets.places import Place

if TYPE_CHECKING:
    from upath import UPath


def check_writable(path: Place) -> None:
    """Find out, without leaving a trace, whether `path` can be written: by trying, or in an object store by asking it.

    Raises:
        OutputNotWritable: it cannot; or the bucket is not there, or not open to these credentials.
    """
    if not isinstance(path, Path):
        with _store_complaining(path):
            path.fs.info(path.drive)
        return
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
def written_whole(path: Place) -> Iterator[Path]:
    """Where to write: the file becomes `path` when the block ends; when it raises, what was there stays.

    A file with the same content stays too, with its time of modification.

    Raises:
        OutputNotWritable: as `check_writable`, or for any OSError in the block.
    """
    check_writable(path)
    if not isinstance(path, Path):
        with tempfile.TemporaryDirectory() as folder:
            unfinished = Path(folder) / path.name
            with _complaining(path):
                yield unfinished
            with _store_complaining(path):
                _upload(unfinished.read_bytes(), path)
        return
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


def _upload(content: bytes, path: UPath) -> None:
    """Put an object with this content unless there is one. An object store replaces an object at once or not at all."""
    if not (path.exists() and path.read_bytes() == content):
        path.fs.pipe_file(path.path, content)


def _is_device(path: Place) -> bool:
    """Whether it is something such as /dev/null or a pipe, which must be written to and never replaced."""
    return path.exists() and not path.is_file()


@contextmanager
def _complaining(path: Place) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputNotWritable(f"cannot write {path}: {error.strerror or error}") from None


@contextmanager
def _store_complaining(path: UPath) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise OutputNotWritable(
            f"cannot write {path}: {error} (for s3:// that is pip install 'roadmap-assets[s3]')"
        ) from None
    except Exception as error:  # noqa: BLE001 - each store's package has errors of its own
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise OutputNotWritable(f"cannot write {path}: {reason}; check its credentials") from None
