"""Where roadmaps come from: what every source does, the directory source, and the choice among them.

Reading an unchanged directory is part of every cached run, so this module imports nothing but the standard library; the
live source is imported when it is asked for.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, Protocol

from roadmap_assets.errors import DocumentError, InvalidSetting, InvalidSlug, SourceUnavailable, UnknownRoadmap
from roadmap_assets.warehouse.raw import ContentFile, Snapshot

SAMPLE: Final = Path(__file__).parent / "sample"
SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
MAX_SLUG_LENGTH: Final = 100


class Source(Protocol):
    """Something that lists roadmaps and hands them out."""

    @property
    def name(self) -> str:
        """How the source is called in messages and in the database."""

    def listing(self) -> Mapping[str, str]:
        """The roadmaps there are, by slug, each with a version that changes when its document or a text does.

        The version goes by what one listing tells, and is good only for comparing with an earlier one.
        Raises SourceUnavailable.
        """

    def fetch(self, slug: str, *, known: Snapshot | None = None) -> Snapshot:
        """One roadmap, complete; `known` is its last state, of which nothing that stayed the same is fetched again.

        Raises InvalidSlug, UnknownRoadmap, DocumentError when the roadmap has no document, and SourceUnavailable.
        """

    def close(self) -> None:
        """Let go of connections."""


class ListingStore(Protocol):
    """Keeps a source's last listing between runs, so that the next is asked for conditionally (ETag)."""

    def load(self, source: str) -> tuple[str, str] | None:
        """ETag and body of the last listing, or None."""

    def save(self, source: str, etag: str, body: str) -> None:
        """Replace the listing."""


def is_slug(text: str) -> bool:
    """Whether `text` may name a roadmap; see `check_slug`."""
    return len(text) <= MAX_SLUG_LENGTH and SLUG.fullmatch(text) is not None


def check_slug(text: str) -> str:
    """`text`, when it may name a roadmap: it becomes a folder, a file name, a URL and a partition key.

    Raises:
        InvalidSlug: it is anything else.
    """
    if is_slug(text):
        return text
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    raise InvalidSlug(
        f"{shown!r} cannot be a roadmap's name: lower-case letters and digits, in words joined by single hyphens, "
        f"at most {MAX_SLUG_LENGTH} characters, such as engineering-manager"
    )


def unknown_roadmap(slug: str, *, source: str, slugs: Iterable[str]) -> UnknownRoadmap:
    """The error for a roadmap that `source` has not, with the nearest of the names that it has."""
    return UnknownRoadmap(slug, source=source, near=difflib.get_close_matches(slug, list(slugs), n=3, cutoff=0.5))


def topic_id_of(file: str) -> str:
    """The id in the name of a text file: `react@tG5v3O4l.md` -> `tG5v3O4l`; '' when it carries none."""
    return file.removesuffix(".md").rpartition("@")[2] if "@" in file else ""


def blob_sha(data: bytes) -> str:
    """Git's name for a file's content: sha1 over `blob <length>\\0` and the bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def decode(data: bytes) -> str:
    """Text of a file that should be UTF-8: a byte order mark goes, bytes that are none become U+FFFD."""
    return data.decode("utf-8-sig", errors="replace")


def content_file(file: str, data: bytes) -> ContentFile:
    """A text file from its name and its bytes."""
    return ContentFile(file=file, topic_id=topic_id_of(file), sha=blob_sha(data), markdown=decode(data))


class DirectorySource:
    """Roadmaps on disk: `<slug>/<slug>.json` and `<slug>/content/<name>@<topic id>.md`.

    Every file is read at each fetch, as that takes some milliseconds and trusts no clock.
    """

    def __init__(self, path: Path, *, name: str = "") -> None:
        self._path = path
        self._name = name or _printable(str(path))

    @property
    def name(self) -> str:
        return self._name

    def listing(self) -> dict[str, str]:
        """Folders with a document; the version is a hash over the names, sizes and times of their files."""
        try:
            slugs = sorted(entry.name for entry in os.scandir(self._path) if entry.is_dir() and is_slug(entry.name))
            return {slug: self._version(slug) for slug in slugs if self._document(slug).is_file()}
        except OSError as error:
            raise self._unreadable(error) from error

    def fetch(self, slug: str, *, known: Snapshot | None = None) -> Snapshot:  # noqa: ARG002 - all is read anyway
        document = self._document(check_slug(slug))
        try:
            if not document.is_file():
                if not document.parent.is_dir():
                    raise unknown_roadmap(slug, source=self._name, slugs=self.listing())
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


def open_source(
    spec: str,
    *,
    github_api: str = "https://api.github.com",
    github_raw: str = "https://raw.githubusercontent.com",
    roadmap_sh_api: str = "https://roadmap.sh/api",
    github_token: str | None = None,
    listings: ListingStore | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Source:
    """The source that `spec` names: `github`, `sample`, or a directory. To be closed after use.

    The other arguments are the live source's: `on_progress(done, total)` is called as texts arrive.
    Raises InvalidSetting when `spec` is none of the three.
    """
    if spec == "github":
        from roadmap_assets.roadmaps.github import GithubSource

        return GithubSource(
            api_url=github_api,
            raw_url=github_raw,
            roadmap_sh_url=roadmap_sh_api,
            token=github_token,
            listings=listings,
            on_progress=on_progress,
        )
    if spec == "sample":
        return DirectorySource(SAMPLE, name="sample")
    if spec and Path(spec).is_dir():
        return DirectorySource(Path(spec))
    raise InvalidSetting(f"the source {spec!r} is neither github nor sample, nor a directory that exists")
