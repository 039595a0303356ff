"""What every source of roadmaps does, and what sources share.

Reading an unchanged directory is part of every cached run, so this module imports nothing but the standard library.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from msgspec import Struct

from roadmap_assets.errors import InvalidSlug, UnknownRoadmap
from roadmap_assets.warehouse.raw import ContentFile, Snapshot

SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
MAX_SLUG_LENGTH: Final = 100


class Entry(Struct, frozen=True):
    """What a source's catalogue says of a roadmap; a field is '' where the source does not know it."""

    title: str = ""
    type: str = ""
    updated_at: str = ""


class Addresses(Struct, frozen=True):
    """Where the live source finds its upstream; `roadmap_sh_api` may name several addresses, separated by commas."""

    roadmap_sh_api: str = "https://roadmap.sh/api,https://api.roadmap.sh"
    github_api: str = "https://api.github.com"
    github_raw: str = "https://raw.githubusercontent.com"
    github_repository: str = "nilbuild/developer-roadmap"
    github_branch: str = "master"
    github_folder: str = "roadmaps"


Known = Callable[[], Snapshot | None]
"""Returns the last state of a roadmap, or None. A source that downloads nothing does not call it."""


class Source(Protocol):
    """Lists roadmaps and fetches them."""

    @property
    def name(self) -> str:
        """The source's name in messages and in the database."""

    def catalogue(self) -> Mapping[str, Entry]:
        """The roadmaps of the source by slug, for people to choose from. Raises SourceUnavailable."""

    def listing(self) -> Mapping[str, str]:
        """A version of each roadmap by slug, which changes when its document or a text does.

        Versions can only be compared with earlier ones of the same source. A listing is never partial: unlike the
        catalogue, it raises SourceUnavailable when any part of the source does not answer.
        """

    def version_of(self, snapshot: Snapshot) -> str:
        """The version that `listing` gives to this state, to see whether the source has changed since."""

    def fetch(self, slug: str, *, known: Known = lambda: None) -> Snapshot:
        """One roadmap, complete; `known` returns its last state, of which nothing unchanged is downloaded again.

        Raises InvalidSlug, UnknownRoadmap, DocumentError when the roadmap has no document, and SourceUnavailable.
        """

    def close(self) -> None:
        """Close connections."""


class ListingStore(Protocol):
    """Keeps a source's last listing between runs, so that the next request can be conditional (ETag)."""

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
    """The error for a roadmap that `source` does not have, with the nearest names that it has."""
    import difflib  # seldom needed

    return UnknownRoadmap(slug, source=source, near=difflib.get_close_matches(slug, list(slugs), n=3, cutoff=0.5))


def topic_id_of(file: str) -> str:
    """The id in the name of a text file: `react@tG5v3O4l.md` -> `tG5v3O4l`; '' when it carries none."""
    return file.removesuffix(".md").rpartition("@")[2] if "@" in file else ""


def blob_sha(data: bytes) -> str:
    """Git's name for a file's content: sha1 over `blob <length>\\0` and the bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def decode(data: bytes) -> str:
    """Text of a file that should be UTF-8: a byte order mark is dropped, invalid bytes become U+FFFD."""
    return data.decode("utf-8-sig", errors="replace")


def content_file(file: str, data: bytes) -> ContentFile:
    """A text file from its name and its bytes."""
    return ContentFile(file=file, topic_id=topic_id_of(file), sha=blob_sha(data), markdown=decode(data))
