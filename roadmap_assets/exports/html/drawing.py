"""A roadmap's drawing, ready to be written as SVG: every box and line of the document, at its place.

Colours are the page's, which has a light and a dark side; of the document's own only those of its legend are kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from msgspec import Struct

from roadmap_assets.exports.html.curves import curve
from roadmap_assets.exports.html.lettering import LINE_HEIGHT, Lettering, fitted
from roadmap_assets.roadmaps.content.links import web_url
from roadmap_assets.roadmaps.document import LINE_TYPES, Document, Entry, Node
from roadmap_assets.roadmaps.geometry import Box

EMPTY: Final = Box(0, 0, 800, 200)
_PADDING: Final = 14.0
_AROUND: Final = 40.0
_ENTRY_HEIGHT: Final = 30.0
_PLAIN_TEXTS: Final = frozenset({"title", "label"})
_LISTS: Final = frozenset({"linksgroup", "legend", "checklist"})
_KINDS: Final = frozenset({"topic", "subtopic", "section", "paragraph", "button", "todo"}) | _PLAIN_TEXTS | _LISTS


class Line(Struct, frozen=True):
    """A line of text at its place; `url` is set when it is a link, `color` when a dot of that colour precedes it."""

    text: str
    x: float
    y: float
    url: str = ""
    color: str = ""


class Spot(Struct, frozen=True):
    """What the drawing shows of a topic: its place in the page's data, the look of its level, its name read aloud."""

    place: int
    level: str
    name: str


class Shape(Struct, frozen=True):
    """A box with its text. `topic` is set for a topic's box; `url` for a box that is a link."""

    kind: str
    box: Box
    lines: tuple[Line, ...]
    font_size: float
    anchor: str = "middle"
    bordered: bool = True
    filled: bool = True
    topic: Spot | None = None
    url: str = ""
    mark: str = ""


class Stroke(Struct, frozen=True):
    """A line of the drawing, as SVG path data."""

    path: str
    dashed: bool


class Drawing(Struct, frozen=True):
    """What is drawn, from back to front: frames, strokes, then boxes. `view` is what there is to see."""

    view: Box
    frames: tuple[Shape, ...]
    strokes: tuple[Stroke, ...]
    shapes: tuple[Shape, ...]


def draw(document: Document, *, topics: Mapping[str, Spot]) -> Drawing:
    """The drawing of a document; `topics` says by topic id what to show of each topic."""
    boxes = {node.id: node.box for node in document.nodes if node.box}
    nodes = [(node, boxes[node.id]) for node in document.nodes if node.id in boxes]
    frames = sorted((pair for pair in nodes if pair[0].type == "section"), key=lambda pair: -pair[1].area)
    strokes = [
        Stroke(curve(edge, boxes[edge.source], boxes[edge.target]), edge.dashed)
        for edge in document.edges
        if edge.source in boxes and edge.target in boxes
    ]
    strokes += [Stroke(_ruled(node, box), node.dashed) for node, box in nodes if node.type in LINE_TYPES]
    return Drawing(
        view=_view(boxes.values()),
        frames=tuple(_shape(node, box, topics) for node, box in frames),
        strokes=tuple(strokes),
        shapes=tuple(
            _shape(node, box, topics) for node, box in nodes if node.type != "section" and node.type not in LINE_TYPES
        ),
    )


def _view(boxes: Collection[Box]) -> Box:
    if not boxes:
        return EMPTY
    left, top = min(box.x for box in boxes) - _AROUND, min(box.y for box in boxes) - _AROUND
    right, bottom = max(box.right for box in boxes) + _AROUND, max(box.bottom for box in boxes) + _AROUND
    return Box(left, top, right - left, bottom - top)


def _ruled(node: Node, box: Box) -> str:
    x, y = box.center
    if node.type == "vertical":
        return f"M{x:.0f},{box.y:.0f}V{box.bottom:.0f}"
    return f"M{box.x:.0f},{y:.0f}H{box.right:.0f}"


def _shape(node: Node, box: Box, topics: Mapping[str, Spot]) -> Shape:
    kind = node.type if node.type in _KINDS else "paragraph"
    look, topic = node.look, topics.get(node.id) if node.is_topic else None
    plain = kind in _PLAIN_TEXTS
    address = look.entries[0].url if look.entries and kind not in _LISTS else ""
    if kind in _LISTS:
        lines, size, anchor = tuple(_entry_lines(node, box)), look.font_size, "start"
    else:
        lettering = fitted(
            node.label,
            width=box.width - (0 if plain else _PADDING),
            height=box.height - (0 if plain else 4),
            size=28.0 if kind == "title" else look.font_size,
            bold=kind in ("topic", "title"),
        )
        left = look.align == "left" and kind == "paragraph"
        top = look.at_top and kind in ("paragraph", "section")
        lines, size = tuple(_set_lines(lettering, box, left=left, top=top)), lettering.size
        anchor = "start" if left else "middle"
    return Shape(
        kind=kind,
        box=box,
        lines=lines,
        font_size=size,
        anchor=anchor,
        bordered=look.bordered,
        filled=look.filled,
        topic=topic,
        url=web_url(address) or "",
        mark=look.mark.color if look.mark else "",
    )


def _set_lines(lettering: Lettering, box: Box, *, left: bool, top: bool) -> Iterator[Line]:
    x = box.x + _PADDING if left else box.center[0]
    first = box.y + _PADDING if top else box.center[1] - lettering.height / 2
    for number, text in enumerate(lettering.lines):
        # The baseline lies three quarters of the size below the top of a line's letters.
        yield Line(text, x, first + lettering.size * (LINE_HEIGHT * (number + 0.5) + 0.35))


def _entry_lines(node: Node, box: Box) -> Iterator[Line]:
    """A heading, where there is one, and a line for each entry."""
    entries = (*([Entry(node.label)] if node.label else []), *node.look.entries)
    pitch = min(_ENTRY_HEIGHT, (box.height - _PADDING) / max(1, len(entries)))
    top = box.center[1] - pitch * len(entries) / 2
    for number, entry in enumerate(entries):
        indent = 0.0 if number == 0 and node.label else 18.0
        text = fitted(entry.label, width=box.width - 2 * _PADDING - indent, height=pitch, size=min(17.0, pitch / 1.3))
        yield Line(
            text=" ".join(text.lines),
            x=box.x + _PADDING + indent,
            y=top + pitch * (number + 0.5) + 5,
            url=web_url(entry.url) or "",
            color=entry.color,
        )
