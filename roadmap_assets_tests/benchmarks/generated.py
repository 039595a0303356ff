"""Generated roadmaps of any size: a large drawing, and a text for every topic."""

from __future__ import annotations

import json
from pathlib import Path

from roadmap_assets.roadmaps.sources.base import content_file
from roadmap_assets.warehouse.raw import Snapshot
from roadmap_assets_tests.roadmaps.drawings import large_drawing
from roadmap_assets_tests.roadmaps.written import write_files


def topic_text(topic: str) -> str:
    """A topic's markdown: a heading, a paragraph, three links."""
    links = "\n".join(f"- [@article@{topic}, part {part}](https://example.org/{part})" for part in range(1, 4))
    return (
        f"# {topic}\n\nPeople who build *pipelines* meet {topic} early and understand it late. It has `names`, "
        "rules and exceptions, and a reason for each of them.\n\n"
        f"Visit the following resources to learn more:\n\n{links}\n"
    )


def snapshot(topics: int) -> Snapshot:
    """A roadmap of exactly this many topics, as fetched."""
    sketch = large_drawing(topics + 21)
    # Stops are added with their groups, which may be too many topics: remove the last ones and their edges.
    surplus = [node["id"] for node in sketch.nodes if node["type"] in ("topic", "subtopic")][topics:]
    gone = set(surplus)
    sketch.nodes = [node for node in sketch.nodes if node["id"] not in gone]
    sketch.edges = [edge for edge in sketch.edges if not gone & {edge["source"], edge["target"]}]
    labels = [node["id"] for node in sketch.nodes if node["type"] in ("topic", "subtopic")]
    contents = [
        content_file(f"{label.lower().replace(' ', '-')}@{label}.md", topic_text(label).encode()) for label in labels
    ]
    return Snapshot(
        roadmap=f"generated-{topics}",
        document=json.dumps({"nodes": sketch.nodes, "edges": sketch.edges}),
        origin="generated",
        source="generated",
        contents=tuple(contents),
    )


def write_source(folder: Path, topics: int) -> str:
    """Write a generated roadmap into a directory source, and return its slug."""
    made = snapshot(topics)
    write_files(folder, made.roadmap, made.document, {text.file: text.markdown for text in made.contents})
    return made.roadmap
