"""Writes roadmaps into a directory source."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from roadmap_assets_tests.roadmaps.drawings import STEP, Sketch


def write_roadmap(source: Path, slug: str, topics: Sequence[str], text: str = "") -> None:
    """Write a roadmap into a directory source: the first topic, with the others attached to it."""
    sketch = Sketch(slug).major(topics[0], 0, 0) if topics else Sketch(slug)
    for number, topic in enumerate(topics[1:], start=1):
        sketch.minor(topic, 400, number * STEP)
        sketch.dashed(topics[0], topic)
    document = {"title": {"page": slug}, "nodes": sketch.nodes, "edges": sketch.edges}
    texts = {
        f"{topic.lower().replace(' ', '-')}@{topic}.md": (
            f"# {topic}\n\n{text or f'{topic} matter in {slug}. They are worth a look.'}\n"
        )
        for topic in topics
    }
    write_files(source, slug, json.dumps(document), texts)


def write_files(source: Path, slug: str, document: str, texts: Mapping[str, str]) -> None:
    """Write a document and its texts, by file name, into a directory source, in place of what was there."""
    folder = source / slug
    (folder / "content").mkdir(parents=True, exist_ok=True)
    for old in (folder / "content").iterdir():
        old.unlink()
    (folder / f"{slug}.json").write_text(document, "utf-8")
    for name, text in texts.items():
        (folder / "content" / name).write_text(text, "utf-8")
