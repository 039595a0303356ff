"""Roadmaps as they were fetched: tables `raw_roadmaps` and `raw_contents`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, slots=True)
class ContentFile:
    """One markdown file of a roadmap.

    ``topic_id`` is the part of the name after the last ``@`` ('' when it carries none); ``sha`` is git's blob sha of the bytes.
    """

    file: str
    topic_id: str
    sha: str
    markdown: str


@dataclass(frozen=True)
class Snapshot:
    """One roadmap as a source gave it: the document's JSON text and every text file."""

    roadmap: str
    document: str
    origin: str
    source: str
    contents: tuple[ContentFile, ...]

    @cached_property
    def version(self) -> str:
        """Changes when, and only when, the document or a text file does: sha256 over the document and the blob shas."""
        digest = hashlib.sha256(self.document.encode())
        for content in sorted(self.contents, key=lambda c: c.file):
            digest.update(f"\0{content.file}\0{content.sha}".encode())
        return digest.hexdigest()
