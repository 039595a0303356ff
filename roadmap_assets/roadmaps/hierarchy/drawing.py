"""What the boxes of a drawing are: topics, headings, frames and lines; and the links found between them."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from roadmap_assets.roadmaps.document import LINE_TYPES, Document, Node
from roadmap_assets.roadmaps.geometry import Box, Grid

LONGEST_HEADING = 44  # characters
MOSTLY_INSIDE = 0.8

_NOTE = re.compile(
    r"^(visit|find|have a look|take a look|look at|check|make sure|keep|continue|see|shout|special thanks)\b"
    r"|\b(relevant|related|similar|following) (roadmap|track|path)s?\b",
    re.IGNORECASE,
)


def is_note(text: str) -> bool:
    """Long or imperative texts speak to the reader; they are not the name of a group."""
    return not text or len(text) > LONGEST_HEADING or bool(_NOTE.search(text))


@dataclass
class Drawing:
    """A document's nodes by what they are, and what the stages have read so far.

    ``parenthood`` and ``reading`` are links without a direction; ``heads`` are links from a heading topic downwards.
    """

    document: Document
    nodes: dict[str, Node]
    topics: dict[str, Node]
    headings: dict[str, Node]
    frames: dict[str, Box]
    lines: dict[str, Node]
    boxes: dict[str, Box]
    frame_of: dict[str, str] = field(default_factory=dict)
    frame_heading: dict[str, str] = field(default_factory=dict)
    stack_of: dict[str, list[str]] = field(default_factory=dict)
    stacks: list[list[str]] = field(default_factory=list)
    group_heading: dict[str, str] = field(default_factory=dict)
    group_of: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    parenthood: defaultdict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    reading: defaultdict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    heads: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    head_of: dict[str, str] = field(default_factory=dict)

    def head(self, topic: str, item: str) -> None:
        self.heads[topic].append(item)
        self.head_of[item] = topic

    def lift_out(self, item: str, frame: str) -> None:
        """A frame's heading stands where the frame stands, not in it."""
        if self.frame_of.get(item) == frame:
            del self.frame_of[item]
            if frame in self.frame_of:
                self.frame_of[item] = self.frame_of[frame]

    def is_station(self, item: str) -> bool:
        """Whether the path of reading can stop here: topics and unframed headings, but not labels."""
        node = self.nodes[item]
        return node.type == "topic" or (node.type == "paragraph" and item in self.headings and item not in self.frame_of)

    def on_path(self, item: str) -> bool:
        return bool(self.reading.get(item)) and self.is_station(item)

    def from_the_top(self, item: str) -> tuple[float, float]:
        box = self.boxes.get(item)
        return (box.y, box.x) if box else (math.inf, math.inf)

    def link(self, one: str, other: str, *, dashed: bool) -> None:
        links = self.parenthood if dashed else self.reading
        links[one][other] = None
        links[other][one] = None

    def frames_around(self, item: str) -> list[str]:
        """The frames that an item is in, innermost first."""
        around: list[str] = []
        frame = self.frame_of.get(item)
        while frame is not None and frame not in around:
            around.append(frame)
            frame = self.frame_of.get(frame)
        return around

    def boxes_of(self, items: Iterable[str]) -> dict[str, Box]:
        return {item: self.boxes[item] for item in items if item in self.boxes}


def draw(document: Document, *, measured: bool) -> Drawing:
    """Sort the nodes by what they are; paragraphs around topics are frames, short ones headings, others notes."""
    nodes = {node.id: node for node in document.nodes}
    boxes = {}
    for node in document.nodes:
        box = node.box if measured else node.requested
        if box is not None:
            boxes[node.id] = box
    topics = {node.id: node for node in document.nodes if node.is_topic}
    paragraphs = {node.id: node for node in document.nodes if node.type == "paragraph"}
    grid = Grid({topic: boxes[topic] for topic in topics if topic in boxes})
    frames = {node.id: boxes[node.id] for node in document.nodes if node.type == "section" and node.id in boxes}
    headings = {}
    for node in document.nodes:
        if node.id not in boxes:
            continue
        box = boxes[node.id]
        if node.id in paragraphs and any(
            boxes[topic].share_inside(box) >= MOSTLY_INSIDE for topic in grid.near(box, 0)
        ):
            frames[node.id] = box
        elif node.type in ("label", "paragraph") and not is_note(node.label):
            headings[node.id] = node
    lines = {node.id: node for node in document.nodes if node.type in LINE_TYPES and node.id in boxes}
    return Drawing(document, nodes, topics, headings, frames, lines, boxes)
