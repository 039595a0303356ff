"""A drawing -> the ancestors of each topic: the stages in order, and the resulting paths."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

from roadmap_assets.roadmaps.document import Document
from roadmap_assets.roadmaps.geometry import in_rows
from roadmap_assets.roadmaps.hierarchy.attachment import Attachment
from roadmap_assets.roadmaps.hierarchy.drawing import DEEPEST, Drawing, draw
from roadmap_assets.roadmaps.hierarchy.frames import read_frame_headings, read_frames
from roadmap_assets.roadmaps.hierarchy.groups import read_flush_topics, read_labels, read_stacks
from roadmap_assets.roadmaps.hierarchy.links import read_edges, read_lines
from roadmap_assets.roadmaps.hierarchy.remainder import attach_remainder
from roadmap_assets.roadmaps.hierarchy.spine import Spine, read_spine

STAGES: Final = (
    "measured",
    "paragraphs",
    "frames",
    "frame headings",
    "stacks",
    "dashed",
    "solid",
    "lines",
    "labels",
    "flush topics",
    "remainder",
)


class DrawnPath(Struct, frozen=True):
    """The ancestors of a topic in the drawing: ids of nodes (topics and headings), root first.

    ``attached``: a sign of the drawing placed the topic; a root is attached and has no ancestors.
    """

    above: tuple[str, ...]
    attached: bool


@contextmanager
def _without_collector() -> Iterator[None]:
    """Pause Python's garbage collector.

    Reading a drawing leaves no cycles to collect, and each collection would go through the whole document.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_without_collector()
def trace_topics(document: Document, *, without: frozenset[str] = frozenset()) -> dict[str, DrawnPath]:
    """The ancestors of every topic by its id, in reading order.

    ``without`` names stages to skip, to measure what each adds; raises ValueError for an unknown one.
    """
    if unknown := without.difference(STAGES):
        raise ValueError(f"no such stage: {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    drawing = draw(document, measured="measured" not in without, paragraphs="paragraphs" not in without)
    if "frames" not in without:
        read_frames(drawing)
    if "frame headings" not in without:
        read_frame_headings(drawing)
    if "stacks" not in without:
        read_stacks(drawing)
    if "dashed" not in without:
        read_edges(drawing, document.edges, dashed=True)
    if "solid" not in without:
        read_edges(drawing, document.edges, dashed=False)
    if "lines" not in without:
        read_lines(drawing)
    if "labels" not in without:
        read_labels(drawing)
    if "flush topics" not in without:
        read_flush_topics(drawing)
    spine = read_spine(drawing)
    attachment = Attachment(drawing, spine.roots)
    if "remainder" not in without:
        attach_remainder(attachment, spine)
    return _Paths(drawing, spine, attachment.above).traced()


class _Paths:
    """Paths: the parents of an item, and the headings drawn between each parent and its child."""

    def __init__(self, drawing: Drawing, spine: Spine, above: dict[str, str | None]) -> None:
        self.drawing = drawing
        self.path = spine.roots
        self.above = above
        self.below: defaultdict[str | None, list[str]] = defaultdict(list)
        for item, upper in above.items():
            self.below[upper].append(item)

    def traced(self) -> dict[str, DrawnPath]:
        drawing = self.drawing
        paths = {item: DrawnPath(path, attached=True) for item, path in self._walk() if item in drawing.topics}
        left = [item for item in drawing.items if item in drawing.topics and item not in paths]
        for topic in sorted(left, key=drawing.from_the_top):
            paths[topic] = DrawnPath(self._headings_between(None, topic), attached=False)
        return paths

    def _walk(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Every placed item with its path (of ids): the roots in order, each before its children."""
        ahead: list[tuple[str, tuple[str, ...]]] = [(root, ()) for root in reversed(self.below[None])]
        while ahead:
            item, path = ahead.pop()
            yield item, path
            for lower in reversed(self._in_reading_order(self.below.get(item, ()))):
                between = [heading for heading in self._headings_between(item, lower) if heading not in path]
                ahead.append((lower, (*path, item, *between) if len(path) < DEEPEST else path))

    def _in_reading_order(self, items: Sequence[str]) -> list[str]:
        """Stops of the spine in the order of the path; then the groups from top to bottom, each row by row."""
        groups: defaultdict[object, list[str]] = defaultdict(list)
        for item in items:
            if item not in self.path:
                groups[self._group(item)].append(item)
        ordered = [in_rows(self.drawing.boxes, group) for group in groups.values()]
        ordered.sort(key=lambda group: self.drawing.from_the_top(group[0]))
        return [item for item in items if item in self.path] + [item for group in ordered for item in group]

    def _group(self, item: str) -> object:
        drawing = self.drawing
        return drawing.label_over.get(item) or drawing.frame_of.get(item) or id(drawing.stack_of.get(item))

    def _headings_between(self, upper: str | None, lower: str) -> tuple[str, ...]:
        """Headings of the frames around `lower` but not around `upper`, and the label of `lower`."""
        drawing = self.drawing
        shared = set(drawing.frames_around(upper)) if upper is not None else set()
        frames = [frame for frame in reversed(drawing.frames_around(lower)) if frame not in shared]
        headings = [drawing.frame_heading.get(frame) for frame in frames] + [drawing.label_over.get(lower)]
        return tuple(dict.fromkeys(h for h in headings if h is not None and h not in (upper, lower)))
