"""The place of each topic and the reading order, on documents of any size and on real ones."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import asdict

from roadmap_assets.roadmaps.document import Document, parse_document
from roadmap_assets.roadmaps.hierarchy import STAGES, trace_topics
from roadmap_assets.roadmaps.place import Place, place_topics
from roadmap_assets.roadmaps.tree import parse_tree
from roadmap_assets_tests.roadmaps.drawings import STEP, Sketch, large_drawing
from roadmap_assets_tests.roadmaps.hostile_drawings import KINDS, LAYOUTS, hostile_drawing
from roadmap_assets_tests.roadmaps.mapped_tree import mapped_tree

WANTED = {"parent": 96, "strict": 87, "siblings": 86, "category": 97.9, "placed": 98, "at90": 17}
MOST_CALLS = 1_400
WANTED_WITH_TREE = {"parent": 99, "strict": 87, "siblings": 86, "category": 99, "placed": 98, "at90": 21}
WITHOUT_TOPICS = {"golang", "prompt-engineering"}


def places(sketch: Sketch) -> dict[str, Place]:
    return place_topics(sketch.document())


def test_a_place_names_the_ancestors() -> None:
    sketch = (
        Sketch()
        .major("Web", 0, 0)
        .solid("Sketch", "Web")
        .label("Basics", 1000, -40)
        .stack("HTML", 1000, 0)
        .minor("Forms", 2000, 0)
        .minor("Lost", 5000, 5000)
        .dashed("Web", "HTML")
        .dashed("HTML", "Forms")
    )
    assert places(sketch) == {
        "Web": Place(category="Web", subcategory="", parent="", parent_topic="", path=()),
        "HTML": Place("Web", "Basics", parent="Basics", parent_topic="Web", path=("Web", "Basics")),
        "Forms": Place("Web", "Basics", parent="HTML", parent_topic="HTML", path=("Web", "Basics", "HTML")),
        "Lost": Place(category="Sketch", subcategory="", parent="", parent_topic="", path=(), placed_by="none"),
    }


def test_topics_are_in_reading_order() -> None:
    """Along the spine, in whatever direction; the children of a stop follow it, group by group and row by row."""
    sketch = (
        Sketch()
        .major("First", 0, 600)
        .major("Second", 0, 0)
        .solid("Sketch", "First", "Second")
        .stack("b d", 1000, 600)
        .minor("c", 1205, 603)
        .minor("a", 1000, 300)
        .minor("child", 2000, 600)
        .minor("e", 1000, 0)
        .dashed("First", "a", "b")
        .dashed("b", "child")
        .dashed("Second", "e")
    )
    assert list(places(sketch)) == ["First", "a", "b", "child", "c", "d", "Second", "e"]


def test_a_drawing_without_positions_is_read_by_its_edges() -> None:
    sketch = Sketch().major("Web", 0, 0).stack("HTML CSS", 0, STEP).solid("Sketch", "Web").dashed("Web", "CSS")
    for node in sketch.nodes:
        del node["position"]
    assert sketch.paths() == {"Web": (), "CSS": ("Web",), "HTML": ()}


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(ValueError, match="no such stage: frame;"):
        place_topics(Sketch().major("Web", 0, 0).document(), without=frozenset({"frame"}))


def test_paths_of_a_very_long_chain_stay_short() -> None:
    names = [f"topic-{number}" for number in range(500)]
    sketch = Sketch().stack(" ".join(names), 0, 0).major("Web", 0, -500).solid("Sketch", "Web").dashed("Web", names[0])
    for one, other in pairwise(names):
        sketch.dashed(one, other)
    deepest = max(len(path) for path in sketch.paths().values())
    assert 20 < deepest < 50


def test_a_large_drawing_is_read_like_a_small_one() -> None:
    paths = large_drawing(2000).paths()
    assert len(paths) > 1900
    for number in (0, 40, 90):
        assert paths[f"left-{number}-6"] == (f"Stop {number}",)
        assert paths[f"right-{number}-6"] == (f"Stop {number}", f"Framed {number}")
        assert paths[f"below-{number}-5"] == (f"Stop {number}", f"Below {number}")


def test_the_work_grows_linearly_with_the_topics() -> None:
    """Counted in function calls, which do not depend on other load of the machine."""
    shapes = {
        "a roadmap": large_drawing,
        "one stack": lambda count: Sketch().major("Web", 0, 0).stack(numbered(count), 0, STEP).solid("Sketch", "Web"),
        "one heap": heap,
    }
    for shape, drawn in shapes.items():
        small, large = (calls_to_place(drawn(count)) for count in (500, 2000))
        assert large < 6 * small, shape


@pytest.mark.parametrize("is_enabled", [True, False])
def test_the_garbage_collector_rests_meanwhile_and_is_left_as_it_was(is_enabled: bool) -> None:
    """Collections would find nothing, and take longer the larger the document. In a process without others' garbage."""
    program = f"""
import gc
from roadmap_assets.roadmaps.hierarchy import trace_topics
from roadmap_assets_tests.roadmaps.hostile_drawings import hostile_drawing

document = hostile_drawing("all kinds", "spread out", 2_000)
gc.collect()
searches = []
gc.callbacks.append(lambda phase, _: searches.append(phase))
{"" if is_enabled else "gc.disable()"}
trace_topics(document)
during = len(searches)
print(during <= 2, gc.isenabled(), gc.collect())  # start and end of one just before or after
"""
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["True", str(is_enabled), "0"]


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_hostile_drawings_take_no_quadratic_time(kind: str, layout: str) -> None:
    """The calls per box are bounded, however many other boxes are near it."""
    assert calls_to_trace(hostile_drawing(kind, layout, 1_500)) < MOST_CALLS * 1_500


def test_a_document_of_20_000_topics_is_read() -> None:
    places = large_drawing(20_000).paths()
    assert len(places) > 19_000
    assert places["left-800-6"] == ("Stop 800",)


def numbered(count: int) -> str:
    return " ".join(f"topic-{number}" for number in range(count))


def heap(count: int) -> Sketch:
    sketch = Sketch().major("Web", 0, 0).solid("Sketch", "Web")
    for name in numbered(count).split():
        sketch.minor(name, 0, STEP)
    return sketch


def calls_to_place(sketch: Sketch) -> int:
    return calls_to_trace(sketch.document())


def calls_to_trace(document: Document) -> int:
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        trace_topics(document)
    finally:
        sys.setprofile(before)
    return calls


def write_topics(real_roadmaps: Path, output: Path, *, without: str = "", with_tree: bool = False) -> None:
    """All real roadmaps in the scorer's format."""
    with output.open("w", encoding="utf-8") as lines:
        for path in sorted(real_roadmaps.glob("*/*.json")):
            slug = path.stem
            if slug != path.parent.name or slug in WITHOUT_TOPICS:
                continue
            document = parse_document(path.read_text("utf-8"), roadmap=slug, origin=str(path))
            labels = {topic.id: topic.label for topic in document.topics}
            tree = parse_tree(mapped_tree(path) if with_tree else "")
            for topic, place in place_topics(document, tree, without=frozenset({without} - {""})).items():
                row = {"roadmap": slug, "topic_id": topic, "topic": labels[topic], **asdict(place)}
                lines.write(json.dumps(row) + "\n")


def score(
    real_roadmaps: Path, topics: Path, *, wanted: Mapping[str, float] = WANTED
) -> subprocess.CompletedProcess[str]:
    scorer = real_roadmaps.parent / "tools" / "score_hierarchy.py"
    if not scorer.exists():
        pytest.skip(f"no scorer at {scorer}")
    least = [part for name, value in wanted.items() for part in ("--min", f"{name}={value}")]
    command = [sys.executable, str(scorer), str(topics), "--gold", str(real_roadmaps), *least]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_real_roadmaps_are_read_as_their_maintainers_intended(real_roadmaps: Path, tmp_path: Path) -> None:
    write_topics(real_roadmaps, tmp_path / "topics.jsonl")
    result = score(real_roadmaps, tmp_path / "topics.jsonl")
    assert result.returncode == 0, result.stdout


def test_with_the_tree_real_roadmaps_are_as_their_maintainers_intended(real_roadmaps: Path, tmp_path: Path) -> None:
    write_topics(real_roadmaps, tmp_path / "topics.jsonl", with_tree=True)
    result = score(real_roadmaps, tmp_path / "topics.jsonl", wanted=WANTED_WITH_TREE)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("stage", ["stacks", "dashed", "lines", "frames", "frame headings", "labels"])
def test_real_roadmaps_are_read_worse_without_a_main_sign(real_roadmaps: Path, tmp_path: Path, stage: str) -> None:
    assert stage in STAGES
    write_topics(real_roadmaps, tmp_path / "topics.jsonl", without=stage)
    result = score(real_roadmaps, tmp_path / "topics.jsonl")
    assert "short:" in result.stdout
