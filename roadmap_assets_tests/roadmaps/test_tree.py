"""The site's tree: its entries, how their texts are split, and how it is combined with the drawing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_assets.roadmaps.document import Document
from roadmap_assets.roadmaps.place import Place, place_topics
from roadmap_assets.roadmaps.tree import LONGEST_TEXT, TreeEntry, TreeReader, parse_tree
from roadmap_assets_tests.roadmaps.drawings import Sketch


def entry(node_id: str, text: str | None = None, **more: Any) -> dict[str, Any]:
    """An entry as the site serves it; nodes of a `Sketch` are named by their labels."""
    return {"nodeId": node_id, "text": text or f"Sketch > {node_id}", **more}


def tree_text(*entries: object) -> str:
    return json.dumps(entries)


def test_entries_are_read_by_node_id() -> None:
    tree = parse_tree("\ufeff" + tree_text(entry("a", " T >  A\n"), entry("b", "T > B", isOptional=True, subjects=[])))
    assert tree.entries == {"a": TreeEntry("a", "T > A", optional=False), "b": TreeEntry("b", "T > B", optional=True)}
    assert tree.unusable == 0


@pytest.mark.parametrize(
    ("text", "usable", "unusable", "reason"),
    [
        ("", 0, 0, "the site has none"),
        ("[]", 0, 0, "an empty tree"),
        ("<html>", 0, 1, "a page"),
        ('{"error": "not found"}', 0, 1, "an error"),
        ("null", 0, 1, "no list"),
        ("[" * 200_000, 0, 1, "nested too deeply"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, 0, 1, "nested too deeply, complete"),
        ("[" + "9" * 5_000 + "]", 0, 1, "a number too long to convert"),
        (tree_text(entry("a"), 7, None, [], {}, {"nodeId": "b"}, {"text": "T > C"}), 1, 6, "entries of other shapes"),
        (tree_text(entry("a"), entry("a", "T > B")), 1, 1, "a repeated id"),
        (tree_text(entry("a"), entry("b", "x" * (LONGEST_TEXT + 1))), 1, 1, "an endless text"),
        (tree_text(entry("a", isOptional="yes"), {"nodeId": {}, "text": "T"}), 1, 1, "values of other types"),
        (tree_text(entry("\ud800\x00")), 0, 1, "an id of characters that no database accepts"),
    ],
)
def test_unusable_entries_are_counted(text: str, usable: int, unusable: int, reason: str) -> None:
    tree = parse_tree(text)
    assert (len(tree.entries), tree.unusable) == (usable, unusable), reason
    assert not any(entry.optional for entry in tree.entries.values())


def labels_above(document: Document, topic: str, *entries: dict[str, Any]) -> list[str]:
    reader = TreeReader(parse_tree(tree_text(*entries)), document)
    [node] = [node for node in document.topics if node.id == topic]
    return [step.label for step in reader.above(node)]


def named(*labels: str, title: str = "Sketch") -> Document:
    sketch = Sketch(title)
    for number, label in enumerate(labels):
        sketch.major(label, 0, number * 500)
    return sketch.document()


@pytest.mark.parametrize(
    ("labels", "entries", "above", "reason"),
    [
        (["X"], [entry("X")], [], "right below the title"),
        (["X"], [entry("X", "X")], [], "not even a title"),
        (["A", "X"], [entry("A"), entry("X", "Sketch > A > X")], ["A"], "a parent with an entry"),
        (["A", "X"], [entry("X", "Sketch > A > X")], ["A"], "a parent of a known label"),
        (["X"], [entry("X", "Sketch > A > B > X")], ["A", "B"], "labels of no node"),
        (["A > B", "X"], [entry("X", "Sketch > A > B > X")], ["A > B"], "a known label with a separator"),
        (["A > B", "X"], [entry("A > B"), entry("X", "Sketch > A > B > X")], ["A > B"], "an entry's label with one"),
        (["A > B", "B", "X"], [entry("X", "Sketch > A > B > X")], ["A > B"], "the longest known label"),
        (["A", "B", "X"], [entry("X", "Sketch > A > B > X")], ["A", "B"], "labels that are each known"),
        (["A > X"], [entry("A > X")], [], "an own label with a separator"),
        (["B > X", "A > B"], [entry("B > X", "Sketch > A > B > B > X")], ["A > B"], "separators everywhere"),
        (["X", "Y"], [entry("X", "Old > A > Renamed > X"), entry("Y", "Old > A > Renamed")], ["A", "Y"], "a new label"),
        (["A", "X"], [entry("X", "Sketch > A > Old name")], ["A"], "the topic's own label has changed"),
        (["X"], [entry("X", "Sketch > > X")], [], "an empty label"),
    ],
)
def test_texts_are_split_by_ids_and_known_labels(
    labels: list[str], entries: list[dict[str, Any]], above: list[str], reason: str
) -> None:
    topic = next(label for label in labels if "X" in label)
    assert labels_above(named(*labels), topic, *entries) == above, reason


def test_a_title_may_contain_the_separator() -> None:
    document = named("A", "X", title="C > Rust")
    assert labels_above(document, "X", entry("X", "C > Rust > A > X")) == ["A"]


def places(sketch: Sketch, *entries: dict[str, Any]) -> dict[str, Place]:
    return place_topics(sketch.document(), parse_tree(tree_text(*entries)))


def web() -> Sketch:
    """Web with Forms under the heading Basics; CSS beside it is a child of Style."""
    return (
        Sketch()
        .major("Web", 0, 0)
        .major("Style", 0, 600)
        .solid("Sketch", "Web", "Style")
        .label("Basics", 1000, -40)
        .stack("HTML Forms", 1000, 0)
        .stack("CSS", 1000, 600)
        .minor("Lost", 5000, 5000)
        .dashed("Web", "HTML")
        .dashed("Style", "CSS")
    )


def test_without_a_tree_the_drawing_decides() -> None:
    placed_by = {topic: place.placed_by for topic, place in places(web()).items()}
    assert placed_by == {**dict.fromkeys(("Web", "HTML", "Forms", "Style", "CSS"), "drawing"), "Lost": "none"}


def test_the_tree_decides_where_it_has_a_topic() -> None:
    found = places(
        web(),
        entry("Web"),
        entry("CSS", "Sketch > Web > CSS"),
        entry("Lost", "Sketch > Web > CSS > Lost"),
        entry("Style", "Sketch > Web > Style"),
    )
    assert list(found) == ["Web", "HTML", "Forms", "Style", "CSS", "Lost"], "the order is the drawing's"
    assert found["CSS"] == Place("Web", "", "Web", "Web", ("Web",), "tree", disputed=True)
    assert found["Lost"] == Place("Web", "CSS", "CSS", "CSS", ("Web", "CSS"), "tree")
    assert found["Style"] == Place("Web", "", "Web", "Web", ("Web",), "tree", disputed=True)
    assert found["HTML"] == Place("Web", "Basics", "Basics", "Web", ("Web", "Basics"), "drawing")


def test_the_drawing_adds_the_headings_between() -> None:
    tree = [entry("Web"), entry("HTML", "Sketch > Web > HTML"), entry("Lost", "Sketch > Web > HTML > Lost")]
    found = places(web(), *tree)
    assert found["HTML"] == Place("Web", "Basics", "Basics", "Web", ("Web", "Basics"), "tree")
    assert found["Lost"] == Place("Web", "Basics", "HTML", "HTML", ("Web", "Basics", "HTML"), "tree")


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("Sketch > Web > Foundations > HTML", ("Web", "Foundations"), "the tree names a heading of its own"),
        ("Sketch > Web > Basics > HTML", ("Web", "Basics"), "and does not repeat the drawing's"),
        ("Sketch > Style > HTML", ("Style",), "the heading is under another topic"),
        ("Sketch > HTML", ("Basics",), "a minor topic right below the title belongs to the group drawn around it"),
        ("Sketch > Basics > HTML", ("Basics",), "a heading may be the root"),
    ],
)
def test_headings_between_fit_the_tree(text: str, path: tuple[str, ...], reason: str) -> None:
    assert places(web(), entry("HTML", text))["HTML"].path == path, reason


def test_a_topic_that_the_tree_lacks_follows_the_topic_drawn_above_it() -> None:
    sketch = web().minor("Grid", 2000, 600).dashed("CSS", "Grid")
    found = places(sketch, entry("CSS", "Sketch > Web > CSS"))
    assert found["Grid"] == Place("Web", "CSS", "CSS", "CSS", ("Web", "CSS"), "drawing")


def test_where_tree_and_drawing_form_a_circle_the_drawing_decides() -> None:
    """CSS is drawn under Style, which the tree has under CSS."""
    found = places(web(), entry("Style", "Sketch > CSS > Style"))
    assert found["Style"].path == ("CSS",)
    assert found["CSS"].path == ("Style",)


def test_topics_with_the_same_label_are_distinguished_by_their_ids() -> None:
    sketch = Sketch().major("Web", 0, 0).major("Data", 0, 600).solid("Sketch", "Web", "Data").minor("1", 900, 0)
    sketch.minor("2", 900, 600)
    for node in sketch.nodes[-2:]:
        node["data"]["label"] = "Basics"
    found = places(sketch, entry("1", "Sketch > Data > Basics"), entry("2", "Sketch > Web > Basics"))
    assert (found["1"].path, found["2"].path) == (("Data",), ("Web",))


_LABEL = st.sampled_from(["A", "B", "A > B", "", " > ", "C"])
_TEXT = st.lists(_LABEL, max_size=5).map(" > ".join) | st.text(max_size=20)


@given(
    st.lists(st.sampled_from(["A", "B", "A > B", "C", "D"]), min_size=1, unique=True),
    st.lists(st.fixed_dictionaries({"nodeId": _LABEL | st.none(), "text": _TEXT}), max_size=8),
)
def test_any_tree_leaves_every_topic_with_a_place(labels: list[str], entries: list[dict[str, Any]]) -> None:
    sketch = Sketch()
    for number, label in enumerate(labels):
        (sketch.major if number % 2 else sketch.minor)(label, 0, number * 60)
    sketch.dashed(labels[0], *labels[1:])
    found = places(sketch, *entries)
    assert found.keys() == set(labels)
    for place in found.values():
        assert place.path[:1] in ((), (place.category,))
        assert place.path[-1:] == ((place.parent,) if place.parent else ())


def test_the_paths_of_a_huge_tree_stay_short() -> None:
    names = [f"t{number}" for number in range(1_000)]
    sketch = Sketch().stack(" ".join(names), 0, 0)
    deep = [entry(name, "Sketch > " + " > ".join(["x"] * 400) + f" > {name}") for name in names]
    found = places(sketch, *deep)
    assert {len(place.path) for place in found.values()} == {32}
