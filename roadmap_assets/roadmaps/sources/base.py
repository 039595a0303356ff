"""Where roadmaps come from: what every source does, the directory source, and the choice among them.

Reading an unchanged directory is part of every cached run, so this module imports nothing but the standard library; the
live source is imported when it is asked for.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Protocol

from roadmap_assets.errors import InvalidSlug, UnknownRoadmap
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
