"""Roadmaps in a directory source, as a test needs them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from roadmap_assets_tests.roadmaps.drawings import STEP, Sketch


def write_roadmap(source: Path, slug: str, topics: Sequence[str], text: str = "") -> None:
    """Write a roadmap into a directory source: the first topic, and the others hanging on it."""
    sketch = Sketch(slug).major(topics[0], 0, 0) if topics else Sketch(slug)
    for number, topic in enumerate(topics[1:], start=1):
        sketch.minor(topic, 400, number * STEP)
        sketch.dashed(topics[0], topic)
    folder = source / slug
    (folder / "content").mkdir(parents=True, exist_ok=True)
    for old in (folder / "content").iterdir():
        old.unlink()
    document = {"title": {"page": slug}, "nodes": sketch.nodes, "edges": sketch.edges}
    (folder / f"{slug}.json").write_text(json.dumps(document))
    for topic in topics:
        path = folder / "content" / f"{topic.lower().replace(' ', '-')}@{topic}.md"
        path.write_text(f"# {topic}\n\n{text or f'{topic} matter in {slug}. They are worth a look.'}\n")
