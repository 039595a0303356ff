"""The drawing beside the document: every box and line is there, at its place."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from roadmap_assets.errors import DocumentError
from roadmap_assets.exports.html.curves import curve
from roadmap_assets.exports.html.drawing import EMPTY, Spot, draw
from roadmap_assets.exports.html.lettering import LINE_HEIGHT, fitted, width_of
from roadmap_assets.roadmaps.document import Document, Edge, parse_document
from roadmap_assets.roadmaps.geometry import Box
from roadmap_assets_tests.exports.editions import document_of, published


def spots(document: Document) -> dict[str, Spot]:
    return {node.id: Spot(place, "level-0", node.label) for place, node in enumerate(document.topics)}


def real_documents(folder: Path) -> list[Document]:
    found = []
    for path in sorted(folder.glob("*/*.json")):
        if path.stem == path.parent.name:
            try:
                found.append(parse_document(path.read_text("utf-8"), roadmap=path.stem, origin=str(path)))
            except DocumentError:
                continue
    return found


def test_every_topic_of_real_roadmaps_is_drawn_where_the_document_has_it(real_roadmaps: Path) -> None:
    for document in real_documents(real_roadmaps):
        drawing = draw(document, topics=spots(document))
        drawn = {shape.topic.place: shape for shape in drawing.shapes if shape.topic}
        assert len(drawn) == sum(node.box is not None for node in document.topics)
        for place, node in enumerate(document.topics):
            if node.box:
                assert drawn[place].box == node.box
        boxes = [node.box for node in document.topics if node.box]
        overlaps = [pair for pair in combinations([s.box for s in drawn.values()], 2) if pair[0].gap(pair[1]) < 0]
        assert len(overlaps) == sum(a.gap(b) < 0 for a, b in combinations(boxes, 2))


def test_the_words_of_real_roadmaps_stay_inside_their_boxes(real_roadmaps: Path) -> None:
    outside = total = 0
    for document in real_documents(real_roadmaps):
        for shape in draw(document, topics=spots(document)).shapes:
            if shape.topic is None:
                continue
            total += 1
            label = " ".join(line.text for line in shape.lines)
            assert label
            outside += not all(
                width_of(line.text, size=shape.font_size) <= shape.box.width and shape.box.y < line.y < shape.box.bottom
                for line in shape.lines
            )
    assert total > 1000
    assert outside == 0


@pytest.mark.parametrize(
    ("leaves", "enters", "path"),
    [
        ("right", "left", "M100,25C150,25 150,125 200,125"),
        ("", "", "M100,25C150,25 150,125 200,125"),
        ("bottom", "top", "M50,50C50,75 250,75 250,100"),
    ],
)
def test_a_line_joins_the_sides_that_the_document_names_or_those_that_face(leaves: str, enters: str, path: str) -> None:
    edge = Edge("a", "b", False, leaves=leaves, enters=enters)  # type: ignore[arg-type]
    assert curve(edge, Box(0, 0, 100, 50), Box(200, 100, 100, 50)) == path


def test_a_drawing_without_any_place_is_empty() -> None:
    document = parse_document(
        '{"nodes": [{"id": "a", "type": "topic", "data": {"label": "A"}}]}', roadmap="test", origin="a test"
    )
    drawing = draw(document, topics=spots(document))
    assert (drawing.view, drawing.shapes) == (EMPTY, ())


def test_a_kind_of_box_that_nobody_has_seen_yet_is_drawn_with_its_words() -> None:
    node = {
        "id": "x",
        "type": "novelty",
        "position": {"x": 0, "y": 0},
        "width": 200,
        "height": 60,
        "data": {"label": "News"},
    }
    document = document_of([published("One")], node)
    [shape] = [shape for shape in draw(document, topics=spots(document)).shapes if not shape.topic]
    assert (shape.kind, [line.text for line in shape.lines]) == ("paragraph", ["News"])


def test_a_long_label_is_broken_then_made_smaller_then_cut() -> None:
    fits = fitted("Change data capture for warehouses", width=150, height=70, size=17)
    assert len(fits.lines) > 1
    assert fits.size == 17
    small = fitted("Change data capture for warehouses", width=120, height=40, size=17)
    assert small.size < 17
    cut = fitted("word " * 400, width=100, height=30, size=17)
    assert cut.lines[-1].endswith("…")
    assert cut.height <= 30 + LINE_HEIGHT
