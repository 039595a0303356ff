"""The directory source: roadmaps on disk.

Reading an unchanged directory is part of every cached run, so this module imports nothing but the standard library.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from roadmap_assets.errors import DocumentError, SourceUnavailable
from roadmap_assets.roadmaps.sources.base import Entry, check_slug, content_file, decode, is_slug, unknown_roadmap
from roadmap_assets.warehouse.raw import Snapshot


class DirectorySource:
    """Roadmaps on disk: `<slug>/<slug>.json` and `<slug>/content/<name>@<topic id>.md`.

    Every file is read at each fetch, as that takes some milliseconds and trusts no clock.
    """

    def __init__(self, path: Path, *, name: str = "", on_notice: Callable[[str], None] = lambda _: None) -> None:
        self._path = path
        self._name = name or _printable(str(path))
        self._on_notice = on_notice

    @property
    def name(self) -> str:
        return self._name

    def catalogue(self) -> dict[str, Entry]:
        """Folders with a document."""
        try:
            slugs = sorted(entry.name for entry in os.scandir(self._path) if entry.is_dir() and is_slug(entry.name))
            return {slug: Entry() for slug in slugs if self._document(slug).is_file()}
        except OSError as error:
            raise self._unreadable(error) from error

    def listing(self) -> dict[str, str]:
        """The version of a roadmap is a hash over the names, sizes and times of its files."""
        try:
            return {slug: self._version(slug) for slug in self.catalogue()}
        except OSError as error:
            raise self._unreadable(error) from error

    def fetch(self, slug: str, *, known: Snapshot | None = None) -> Snapshot:  # noqa: ARG002 - all is read anyway
        document = self._document(check_slug(slug))
        try:
            if not document.is_file():
                if not document.parent.is_dir():
                    raise unknown_roadmap(slug, source=self._name, slugs=self.catalogue())
                raise DocumentError(
                    f"the roadmap {slug} has no document: there is no {document}; choose another roadmap"
                )
            return Snapshot(
                roadmap=slug,
                document=decode(document.read_bytes()),
                origin=_printable(str(document)),
                source=self._name,
                contents=tuple(content_file(_printable(path.name), path.read_bytes()) for path in self._texts(slug)),
            )
        except OSError as error:
            raise self._unreadable(error) from error

    def close(self) -> None:
        pass

    def _document(self, slug: str) -> Path:
        return self._path / slug / f"{slug}.json"

    def _texts(self, slug: str) -> list[Path]:
        folder = self._path / slug / "content"
        if not folder.is_dir():
            return []
        return sorted(Path(entry) for entry in os.scandir(folder) if entry.name.endswith(".md") and entry.is_file())

    def _version(self, slug: str) -> str:
        digest = hashlib.sha256()
        for path in (self._document(slug), *self._texts(slug)):
            status = path.stat()
            digest.update(f"{_printable(path.name)}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
        return digest.hexdigest()

    def _unreadable(self, error: OSError) -> SourceUnavailable:
        return SourceUnavailable(f"the source {self._name} cannot be read: {error.strerror} ({error.filename})")


def _printable(file_name: str) -> str:
    """A file name whose bytes are no UTF-8 would be text that no database takes."""
    return file_name.encode(errors="replace").decode()
