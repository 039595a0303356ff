"""The directory source: roadmaps on disk.

Reading an unchanged directory is part of every cached run, so this module imports nothing but the standard library.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from roadmap_assets.errors import DocumentError, SourceUnavailable
from roadmap_assets.roadmaps.sources.base import (
    Entry,
    Known,
    check_slug,
    content_file,
    decode,
    is_slug,
    unknown_roadmap,
)
from roadmap_assets.warehouse.raw import Snapshot


class DirectorySource:
    """Roadmaps on disk: `<slug>/<slug>.json` and `<slug>/content/<name>@<topic id>.md`.

    Every file is read at each fetch, as that takes some milliseconds and depends on no clock.
    """

    def __init__(self, path: Path, *, name: str = "", on_notice: Callable[[str], None] = lambda _: None) -> None:
        self._path = path
        self._name = name or _printable(str(path))
        self._on_notice = on_notice

    @property
    def name(self) -> str:
        return self._name

    def catalogue(self) -> dict[str, Entry]:
        """Folders with a document of their own."""
        try:
            slugs = sorted(entry.name for entry in os.scandir(self._path) if entry.is_dir() and is_slug(entry.name))
            documents = {slug: self._document(slug) for slug in slugs}
            return {slug: Entry() for slug, path in documents.items() if path.is_file() and not self._leaves(path)}
        except OSError as error:
            raise self._unreadable(error) from error

    def listing(self) -> dict[str, str]:
        """Every file is read: sizes and times would miss an edit that keeps both."""
        return {slug: self.fetch(slug).version for slug in self.catalogue()}

    def version_of(self, snapshot: Snapshot) -> str:
        return snapshot.version

    def fetch(self, slug: str, *, known: Known = lambda: None) -> Snapshot:  # noqa: ARG002 - all is read anyway
        document = self._document(check_slug(slug))
        try:
            if not document.is_file():
                if not document.parent.is_dir():
                    raise unknown_roadmap(slug, source=self._name, slugs=self.catalogue())
                raise DocumentError(
                    f"the roadmap {slug} has no document: there is no {document}; choose another roadmap"
                )
            if self._leaves(document):
                raise DocumentError(f"the document {document} is a link out of the source folder; copy it there")
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
        """The roadmap's text files, without those that links place in the folder although they lie elsewhere."""
        folder = self._path / slug / "content"
        if not folder.is_dir():
            return []
        entries = [entry for entry in os.scandir(folder) if entry.name.endswith(".md") and entry.is_file()]
        all_leave = self._leaves(folder)
        kept = [entry for entry in entries if not (all_leave or (entry.is_symlink() and self._leaves(entry)))]
        if len(kept) < len(entries):
            self._on_notice(f"links out of the source folder skipped: {len(entries) - len(kept)} in {folder}")
        return sorted(map(Path, kept))

    def _leaves(self, path: os.PathLike[str]) -> bool:
        """Whether symbolic links lead from `path` out of the source folder."""
        return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self._path))

    def _unreadable(self, error: OSError) -> SourceUnavailable:
        return SourceUnavailable(f"the source {self._name} cannot be read: {error.strerror} ({error.filename})")


def _printable(file_name: str) -> str:
    """A file name whose bytes are no UTF-8 would be text that no database takes."""
    return file_name.encode(errors="replace").decode()
