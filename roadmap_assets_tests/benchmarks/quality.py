"""How much of the maintainers' hierarchy is recovered, and how much each stage adds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import asdict

from roadmap_assets.errors import DocumentError
from roadmap_assets.roadmaps.document import parse_document
from roadmap_assets.roadmaps.hierarchy import STAGES
from roadmap_assets.roadmaps.place import place_topics
from roadmap_assets.roadmaps.tree import parse_tree
from roadmap_assets_tests.benchmarks.figures import Conditions, Figure, Remark, at_least
from roadmap_assets_tests.roadmaps.mapped_tree import mapped_tree

WANTED = {"parent": 96, "strict": 87, "siblings": 86, "category": 98, "placed": 98}
WANTED_WITH_TREE = {"parent": 99, "category": 99}
SHARE_AT_90 = 0.8
SHOWN_WITHOUT = ("parent", "siblings", "category")


def quality(conditions: Conditions) -> Iterator[Figure | Remark]:
    """Benchmark `quality`."""
    real = conditions.real_roadmaps
    scorer = real.parent / "tools" / "score_hierarchy.py" if real else None
    if real is None or scorer is None or not scorer.exists():
        yield Remark("It needs real roadmaps with their maintainers' hierarchy, and the scorer; they are not here.")
        return
    scores, roadmaps = score(real, scorer, conditions.folder)
    for name, least in WANTED.items():
        yield Figure(name, scores[name], "%", at_least(least))
    yield Figure("at90", scores["at90"], "roadmaps", at_least(SHARE_AT_90 * roadmaps), f"of {roadmaps} scored")
    with_tree, _ = score(real, scorer, conditions.folder, with_tree=True)
    for name in WANTED:
        limit = at_least(WANTED_WITH_TREE[name]) if name in WANTED_WITH_TREE else None
        yield Figure(f"with the site's tree: {name}", with_tree[name], "%", limit)
    for stage in STAGES:
        left, _ = score(real, scorer, conditions.folder, without=stage)
        for name in SHOWN_WITHOUT:
            yield Figure(f"without {stage}: {name}", left[name], "%", None, f"{left[name] - scores[name]:+.1f}")


def score(
    real: Path, scorer: Path, folder: Path, *, without: str = "", with_tree: bool = False
) -> tuple[dict[str, float], int]:
    """The scorer's figures by name, and the number of roadmaps with parents to score."""
    topics = folder / "topics.jsonl"
    with topics.open("w", encoding="utf-8") as lines:
        found = rows(real, without=frozenset({without} - {""}), with_tree=with_tree)
        lines.writelines(f"{json.dumps(row)}\n" for row in found)
    command = [sys.executable, str(scorer), str(topics), "--gold", str(real)]
    last = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    roadmaps = re.search(r"\((\d+) with parents\)", last)
    assert roadmaps is not None, last
    return {name: float(value) for name, value in re.findall(r"(\w+) +(\d+\.\d)", last)}, int(roadmaps[1])


def rows(real: Path, *, without: frozenset[str], with_tree: bool) -> Iterator[dict[str, object]]:
    """Every topic of the real roadmaps with its place, as the scorer reads it."""
    for path in sorted(real.glob("*/*.json")):
        slug = path.stem
        if slug != path.parent.name:
            continue
        try:
            document = parse_document(path.read_text("utf-8"), roadmap=slug, origin=str(path))
        except DocumentError:
            continue
        labels = {topic.id: topic.label for topic in document.topics}
        tree = parse_tree(mapped_tree(path) if with_tree else "")
        for topic, place in place_topics(document, tree, without=without).items():
            yield {"roadmap": slug, "topic_id": topic, "topic": labels[topic], **asdict(place)}
