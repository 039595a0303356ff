"""Which file of a roadmap holds which topic's text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from roadmap_assets.warehouse.raw import ContentFile


class Chosen(Struct, frozen=True):
    """The file chosen for each topic that has any, by topic id, and counts of what did not match."""

    files: dict[str, ContentFile]
    topics_without_file: int
    topics_with_several_files: int
    files_of_no_topic: int
    files_without_id: int


def choose_files(labels: Mapping[str, str], contents: Sequence[ContentFile]) -> Chosen:
    """Match files to topics by id; ``labels`` maps the id of each topic to its label.

    A renamed topic has two files, an old one and a new one: the file named after the label wins, then the longer one.
    """
    candidates: dict[str, list[ContentFile]] = {}
    for content in contents:
        candidates.setdefault(content.topic_id, []).append(content)
    without_id = len(candidates.pop("", ()))
    of_topics = {topic_id: files for topic_id, files in candidates.items() if topic_id in labels}

    def fitness(content: ContentFile) -> tuple[bool, int, str]:
        name = content.file.removesuffix(".md").rpartition("@")[0]
        return file_slug(name) == file_slug(labels[content.topic_id]), len(content.markdown), content.file

    return Chosen(
        files={topic_id: max(files, key=fitness) for topic_id, files in of_topics.items()},
        topics_without_file=len(labels) - len(of_topics),
        topics_with_several_files=sum(len(files) > 1 for files in of_topics.values()),
        files_of_no_topic=sum(len(files) for topic_id, files in candidates.items() if topic_id not in labels),
        files_without_id=without_id,
    )


def file_slug(text: str) -> str:
    """A label as in upstream's file names, with repeated hyphens collapsed: "CI/CD & Tests" -> "cicd-tests"."""
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", text.lower())).strip("-")
