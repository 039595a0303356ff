"""A drawing: its boxes by kind, and what the stages have read from it so far."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

from msgspec import Struct, field

from roadmap_assets.roadmaps.document import LINE_TYPES, Document, Node
from roadmap_assets.roadmaps.geometry import Box, Grid

DEEPEST: Final = 32  # levels of a path; the deepest real one has six
MOSTLY_INSIDE = 0.8
MOST_COMPARED = 32  # neighbours that a paragraph or heading is compared with; real ones need eight at most
LONGEST_HEADING = 50  # characters

_NOTE = re.compile(
    r"^(visit|find|have a look|take a look|look at|check|make sure|keep|continue|see|shout|special thanks)\b"
    r"|\b(relevant|related|similar|following) (roadmap|track|path)s?\b",
    re.IGNORECASE,
)


def is_note(text: str) -> bool:
    """Whether the text is long or imperative: such texts address the reader and do not name a group."""
    return not text or len(text) > LONGEST_HEADING or bool(_NOTE.search(text))


def _links() -> defaultdict[str, dict[str, None]]:
    return defaultdict(dict)


class Drawing(Struct):
    """Boxes by kind, then the signs, each written by the stage that reads it.

    Items (topics, headings and frames) can be placed. Everything is identified by the id of its node.
    """

    nodes: Mapping[str, Node]
    boxes: Mapping[str, Box]
    topics: frozenset[str]
    headings: frozenset[str]
    frames: frozenset[str]
    items: tuple[str, ...]

    frame_of: dict[str, str] = field(default_factory=dict)
    frame_heading: dict[str, str] = field(default_factory=dict)
    stack_of: dict[str, list[str]] = field(default_factory=dict)
    parenthood: defaultdict[str, dict[str, None]] = field(default_factory=_links)  # dashed, in both directions
    reading: defaultdict[str, dict[str, None]] = field(default_factory=_links)  # solid
    label_over: dict[str, str] = field(default_factory=dict)
    topic_over: dict[str, str] = field(default_factory=dict)
    under: defaultdict[str, dict[str, None]] = field(default_factory=_links)  # the reverse of both

    def link(self, one: str, other: str, *, dashed: bool) -> None:
        """Link two nodes. Dashed links join items only; the reading path also leads through titles and buttons."""
        if not dashed:
            self.reading[one][other] = self.reading[other][one] = None
        elif self.is_item(one) and self.is_item(other):
            self.parenthood[one][other] = self.parenthood[other][one] = None

    def put_under(self, heading: str, item: str) -> None:
        over = self.topic_over if heading in self.topics else self.label_over
        if item not in over:
            over[item] = heading
            self.under[heading][item] = None

    def is_item(self, node: str) -> bool:
        return node in self.topics or node in self.headings or node in self.frames

    def is_major(self, node: str) -> bool:
        return self.nodes[node].is_major

    def is_station(self, node: str) -> bool:
        """Whether the reading path can stop here: major topics and unframed paragraphs that are headings."""
        is_heading = node in self.headings and self.nodes[node].type == "paragraph" and node not in self.frame_of
        return is_heading or self.is_major(node)

    def on_path(self, node: str) -> bool:
        return node in self.reading and self.is_station(node)

    def from_the_top(self, node: str) -> tuple[float, float]:
        """Sort key; nodes without a box come last."""
        box = self.boxes.get(node)
        return (box.y, box.x) if box else (math.inf, math.inf)

    def frames_around(self, item: str) -> list[str]:
        """The frames around an item, innermost first, at most as many as a path may have levels."""
        around: list[str] = []
        frame = self.frame_of.get(item)
        while frame is not None and len(around) < DEEPEST:
            around.append(frame)
            frame = self.frame_of.get(frame)
        return around

    def boxes_of(self, nodes: Iterable[str]) -> dict[str, Box]:
        return {node: self.boxes[node] for node in nodes if node in self.boxes}

    def boxes_by_frame(self, nodes: Iterable[str]) -> dict[str | None, dict[str, Box]]:
        """Boxes by the frame around them: boxes on different sides of a border do not touch."""
        boxes: defaultdict[str | None, dict[str, Box]] = defaultdict(dict)
        for node, box in self.boxes_of(nodes).items():
            boxes[self.frame_of.get(node)][node] = box
        return boxes


def draw(document: Document, *, measured: bool = True, paragraphs: bool = True) -> Drawing:
    """Sort the nodes by kind: paragraphs around topics are frames, short texts are headings, others notes."""
    nodes = {node.id: node for node in document.nodes}
    boxes = {node.id: box for node in document.nodes if (box := node.box if measured else node.requested) is not None}
    topics = {node.id for node in document.nodes if node.is_topic}
    topic_boxes = Grid({node: boxes[node] for node in nodes if node in topics and node in boxes})
    frames, headings = set(), set()
    for node in document.nodes:
        box = boxes.get(node.id)
        if box is None or (node.type == "paragraph" and not paragraphs):
            continue
        if node.type == "section" or (node.type == "paragraph" and _is_around(box, topic_boxes)):
            frames.add(node.id)
        elif node.type in ("label", "paragraph") and not is_note(node.label):
            headings.add(node.id)
    return Drawing(
        nodes=nodes,
        boxes=boxes,
        topics=frozenset(topics),
        headings=frozenset(headings),
        frames=frozenset(frames),
        items=tuple(node for node in nodes if node in topics or node in headings or node in frames),
    )


def _is_around(box: Box, others: Grid[str]) -> bool:
    near = islice(others.near(box, 0), MOST_COMPARED)
    return any(others.boxes[other].share_inside(box) >= MOSTLY_INSIDE for other in near)


def line_pieces(drawing: Drawing, *, dashed: bool) -> dict[str, Box]:
    """The nodes that are drawn as lines, of one style."""
    lines = (node.id for node in drawing.nodes.values() if node.type in LINE_TYPES and node.dashed == dashed)
    return drawing.boxes_of(lines)
