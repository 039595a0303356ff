"""Rules for a roadmap as fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from roadmap_assets.quality.rule import Rule


class FetchedRoadmap(Struct, frozen=True):
    """The topics (id -> label) that the document has, and how many text files came with it."""

    document: Mapping[str, str]
    texts: int


def _without_topics(roadmap: FetchedRoadmap) -> list[str]:
    return [] if roadmap.document else ["the document has no topics"]


def _without_texts(roadmap: FetchedRoadmap) -> list[str]:
    return [] if roadmap.texts else ["no text files"]


FETCHED_RULES: Final[Sequence[Rule[FetchedRoadmap]]] = (
    Rule("document_has_topics", "The document has topics.", _without_topics, lambda roadmap: len(roadmap.document)),
    Rule("has_texts", "The roadmap has text files.", _without_texts, lambda roadmap: roadmap.texts, unit="texts"),
)
