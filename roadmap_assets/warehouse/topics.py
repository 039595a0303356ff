"""Table `topics`: one row per topic of a roadmap, in reading order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """A link of a topic's text; ``type`` is one of roadmap.sh's kinds (article, official, video, …)."""

    title: str
    url: str
    type: str


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic with its place in the roadmap and its text.

    ``position`` counts from 0 in reading order; ``path`` holds the labels above the topic, root first.
    """

    roadmap: str
    topic_id: str
    position: int
    topic: str
    category: str
    subcategory: str
    parent: str
    parent_topic: str
    path: tuple[str, ...]
    description: str
    resources: tuple[Resource, ...]
