"""Raw JSON becomes nodes and edges, or one clear line that says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_assets.errors import DocumentError
from roadmap_assets.roadmaps.document import Document, parse_document
from roadmap_assets.roadmaps.geometry import Box
from roadmap_assets.roadmaps.place import place_topics

TOPIC = {"id": "t", "type": "topic", "position": {"x": 1, "y": 2}, "data": {"label": "Topic"}}
POSITION = {"position": {"x": 0, "y": 0}}


def parse(raw: object) -> Document:
    return parse_document(json.dumps(raw), roadmap="web-basics", origin="https://example.org/web.json")


@pytest.mark.parametrize(
    ("text", "says", "reason"),
    [
        ("<html>", "not JSON", "an error page"),
        ("", "not JSON", "an empty reply"),
        ("[" * 100_000, "not JSON", "nested deeper than the parser goes"),
        ("9" * 5000, "not JSON", "more digits than Python reads"),
        ("[]", "not a JSON object but list", "another shape"),
        ('{"mockup": {}}', "old shape", "documents of the first years"),
        ('{"nodes": [{"id": "s", "type": "section"}]}', "no topic (of 1 nodes)", "a drawing without a topic"),
        ('{"nodes": 5}', "no topic (of 0 nodes)", "nodes that are not a list"),
    ],
)
def test_a_text_that_is_no_document_is_refused_in_one_line(text: str, says: str, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_document(text, roadmap="web-basics", origin="https://example.org/web.json")
    message = str(caught.value)
    assert says in message, reason
    assert "web-basics" in message
    assert "https://example.org/web.json" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (None, "null"),
        ("topic", "a string"),
        ({"type": "topic"}, "no id"),
        ({"id": "", "type": "topic"}, "an empty id"),
        ({"id": ["t"], "type": "topic"}, "an id that is a list"),
        (TOPIC, "a repeated id"),
    ],
)
def test_unusable_nodes_are_left_out_and_counted(node: object, reason: str) -> None:
    document = parse({"nodes": [TOPIC, node]})
    assert [topic.id for topic in document.topics] == ["t"], reason
    assert document.unusable_nodes == 1


@pytest.mark.parametrize(
    ("edge", "reason"),
    [
        (7, "a number"),
        ({"target": "t"}, "no source"),
        ({"source": "t", "target": None}, "no target"),
        ({"source": "t", "target": "gone"}, "to a missing node"),
        ({"source": "t", "target": "t"}, "to itself"),
    ],
)
def test_unusable_edges_are_left_out_and_counted(edge: object, reason: str) -> None:
    document = parse({"nodes": [TOPIC], "edges": [edge]})
    assert document.edges == (), reason
    assert document.unusable_edges == 1


@pytest.mark.parametrize(
    ("edge", "dashed", "reason"),
    [
        ({"data": {"edgeStyle": "dashed"}, "style": {"strokeDasharray": "0"}}, True, "the edge style takes precedence"),
        (
            {"data": {"edgeStyle": "solid"}, "style": {"strokeDasharray": "0.8 8"}},
            False,
            "the edge style takes precedence",
        ),
        ({"style": {"strokeDasharray": "0.8 8"}}, True, "dashes"),
        ({"style": {"strokeDasharray": 5}}, True, "dashes as a number"),
        ({"style": {"strokeDasharray": "0"}}, False, "dashes of no length"),
        ({"style": {"strokeDasharray": 0}}, False, "dashes of no length, as a number"),
        ({}, False, "no style"),
    ],
)
def test_how_an_edge_is_drawn(edge: dict[str, Any], dashed: bool, reason: str) -> None:
    document = parse({"nodes": [TOPIC, {"id": "u"}], "edges": [{"source": "t", "target": "u", **edge}]})
    assert document.edges[0].dashed is dashed, reason


@pytest.mark.parametrize(
    ("node", "box", "reason"),
    [
        (
            {**POSITION, "measured": {"width": 1, "height": 2}, "width": 3, "height": 4},
            Box(0, 0, 1, 2),
            "what the browser measured goes first",
        ),
        ({**POSITION, "width": 3, "style": {"width": 5, "height": 6}}, Box(0, 0, 3, 6), "each side by itself"),
        (POSITION, None, "no size"),
        ({"width": 3, "height": 4}, None, "no position"),
        ({"position": {"x": float("nan"), "y": 0}, "width": 3, "height": 4}, None, "not a number"),
        ({"position": {"x": 10**400, "y": 0}, "width": 3, "height": 4}, None, "beyond any drawing"),
        ({"position": {"x": True, "y": 0}, "width": 3, "height": 4}, None, "a boolean is not a number"),
        ({**POSITION, "width": -3, "height": 4}, None, "a negative width"),
    ],
)
def test_position_and_size(node: dict[str, Any], box: Box | None, reason: str) -> None:
    document = parse({"nodes": [TOPIC, {"id": "u", **node}]})
    assert document.nodes[1].box == box, reason


@pytest.mark.parametrize(
    ("label", "clean", "reason"),
    [
        ("  Web\u00a0 Basics\n", "Web Basics", "spaces of any kind, at the edges and doubled"),
        ("a\ud800b\x00c", "abc", "characters that no database accepts"),
        (None, "", "no label"),
        (404, "404", "a number"),
    ],
)
def test_labels_are_one_clean_line(label: object, clean: str, reason: str) -> None:
    assert parse({"nodes": [{**TOPIC, "data": {"label": label}}]}).topics[0].label == clean, reason


@pytest.mark.parametrize(
    ("raw", "title", "reason"),
    [
        ({"nodes": [TOPIC, {"id": "n", "type": "title", "data": {"label": "Web"}}]}, "Web", "as it is drawn"),
        ({"nodes": [TOPIC], "title": {"page": "Web Roadmap"}}, "Web Roadmap", "as the API has it"),
        ({"nodes": [TOPIC]}, "Web Basics", "else from the slug"),
    ],
)
def test_title(raw: dict[str, Any], title: str, reason: str) -> None:
    assert parse(raw).title == title, reason


def test_topics_are_ordered_from_top_to_bottom() -> None:
    size = {"width": 10, "height": 10}
    places = {"low": (0, 9), "right": (5, 0), "left": (0, 0)}
    nodes = [{"id": i, "type": "subtopic", "position": {"x": x, "y": y}, **size} for i, (x, y) in places.items()]
    document = parse({"nodes": [{"id": "nowhere", "type": "topic"}, *nodes, {"id": "b", "type": "button"}]})
    assert [topic.id for topic in document.topics] == ["left", "right", "low", "nowhere"]


def test_a_byte_order_mark_is_accepted() -> None:
    text = "\ufeff" + json.dumps({"nodes": [TOPIC]})
    assert parse_document(text, roadmap="web", origin="a file").topics


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
ids = st.sampled_from(["a", "b", "c", "d"]) | anything
numbers = st.sampled_from([0, 50, 51, 60, 110, 300, -20.5, 1e9]) | anything
sizes = st.fixed_dictionaries({}, optional={"width": numbers, "height": numbers})
kinds = st.sampled_from(["topic", "subtopic", "label", "paragraph", "section", "vertical", "horizontal", "title"])
styles = st.fixed_dictionaries({}, optional={"strokeDasharray": st.sampled_from(["0", "0.8 8"]) | anything})
nodes = st.fixed_dictionaries(
    {"id": ids, "type": kinds | anything},
    optional={
        "position": st.fixed_dictionaries({"x": numbers, "y": numbers}) | anything,
        "measured": sizes | anything,
        "data": st.fixed_dictionaries({"label": st.text(max_size=60) | anything}, optional={"style": styles})
        | anything,
    },
)
edges = st.fixed_dictionaries(
    {"source": ids, "target": ids},
    optional={"data": st.fixed_dictionaries({"edgeStyle": st.sampled_from(["dashed", "solid"])}) | anything},
)
documents = anything | st.fixed_dictionaries(
    {"nodes": st.lists(nodes | anything, max_size=12) | anything, "edges": st.lists(edges | anything) | anything}
)


@settings(max_examples=200)
@given(documents)
def test_a_document_of_any_shape_is_placed_or_refused(raw: object) -> None:
    try:
        document = parse(raw)
    except DocumentError:
        return
    places = place_topics(document)
    assert places.keys() == {topic.id for topic in document.topics}
    for place in places.values():
        assert place.path[:1] in ((), (place.category,))
        assert place.path[-1:] == ((place.parent,) if place.parent else ())


@pytest.mark.parametrize(("slug", "says"), [("golang", "no topic"), ("prompt-engineering", "old shape")])
def test_odd_real_documents_are_refused(real_roadmaps: Path, slug: str, says: str) -> None:
    path = real_roadmaps / slug / f"{slug}.json"
    with pytest.raises(DocumentError, match=says):
        parse_document(path.read_text("utf-8"), roadmap=slug, origin=str(path))


def test_most_real_documents_are_usable(real_roadmaps: Path) -> None:
    nodes = unusable = 0
    for path in real_roadmaps.glob("*/*.json"):
        if path.stem == path.parent.name and path.stem not in ("golang", "prompt-engineering"):
            document = parse_document(path.read_text("utf-8"), roadmap=path.stem, origin=str(path))
            nodes += len(document.nodes)
            unusable += document.unusable_nodes
            assert all(topic.box is not None and topic.label for topic in document.topics)
    assert nodes > 3000
    assert unusable == 0
