"""Links: the edges of the document, and the lines that are nodes of their own."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import TypeVar

from msgspec import Struct

from roadmap_assets.roadmaps.document import Edge
from roadmap_assets.roadmaps.geometry import Box, Grid, touching_groups
from roadmap_assets.roadmaps.hierarchy.drawing import Drawing, line_pieces

LINE_JOINS = 12.0
LINE_TOUCHES = 9.0
RUNS_INSIDE = 0.9
MOST_CROSSED = 8  # solid lines that a dashed one is compared with; real ones cross one
MOST_BESIDE = 16
MOST_CARRIED = 64

T = TypeVar("T")


def read_edges(drawing: Drawing, edges: tuple[Edge, ...], *, dashed: bool) -> None:
    """A dashed edge means parenthood, in either direction; a solid edge is part of the reading path."""
    for edge in edges:
        if edge.dashed == dashed:
            drawing.link(edge.source, edge.target, dashed=dashed)


class Line(Struct, frozen=True):
    """Touching segments of one style, and the items that they touch, both from top to bottom.

    A line may have thousands of either, so only those near a spot are compared with what meets the line there.
    """

    pieces: tuple[Box, ...]
    touched: tuple[str, ...]
    stops: tuple[str, ...]

    def distance(self, box: Box) -> float:
        return min(piece.distance(box) for piece in _beside(self.pieces, box.y, top=lambda piece: piece.y))


def read_lines(drawing: Drawing) -> None:
    """A line links the boxes that it touches, like an edge of its style."""
    ends = Grid(drawing.boxes_of(drawing.items))
    solid = list(_lines(drawing, ends, dashed=False))
    for line in solid:
        _read_solid_line(drawing, line)
    line_of = [number for number, line in enumerate(solid) for _ in line.pieces]
    pieces = Grid(dict(enumerate(piece for line in solid for piece in line.pieces)))
    for line in _lines(drawing, ends, dashed=True):
        crossed = dict.fromkeys(line_of[near] for piece in line.pieces for near in pieces.near(piece, LINE_JOINS))
        _read_dashed_line(drawing, line, [solid[number] for number in islice(crossed, MOST_CROSSED)])


def _read_solid_line(drawing: Drawing, line: Line) -> None:
    """A solid line is part of the reading path; a label on one without a stop is the heading of what it touches."""
    for one, other in pairwise(line.touched):
        drawing.link(one, other, dashed=False)
    labels = [item for item in line.touched if item in drawing.headings]
    if labels and not any(drawing.is_station(item) for item in line.touched):
        for item in line.touched:
            if item not in drawing.headings:
                drawing.put_under(labels[0], item)


def _read_dashed_line(drawing: Drawing, line: Line, crossed: list[Line]) -> None:
    """A dashed line links its hub to the other items.

    If it ends on a solid line, its hub is there; a solid line without a stop continues the dashed one.
    """
    hub = min(line.touched, key=lambda item: _rank_as_hub(drawing, item), default=None)
    for solid in crossed:
        if not solid.stops and line.touched:
            nearest = min(line.touched[:MOST_BESIDE], key=lambda item: solid.distance(drawing.boxes[item]))
            _join(drawing, nearest, solid.touched[:MOST_CARRIED])
        elif solid.stops and (hub is None or not drawing.on_path(hub)):
            near = _beside(solid.stops, line.pieces[0].y, top=lambda item: drawing.boxes[item].y)
            hub = min(near, key=lambda item: line.distance(drawing.boxes[item]))
    if hub is not None:
        _join(drawing, hub, line.touched)


def _beside(ordered: Sequence[T], y: float, *, top: Callable[[T], float]) -> Sequence[T]:
    """The elements at about this height of a list ordered from top to bottom."""
    middle = bisect_left(ordered, y, key=top)
    return ordered[max(0, middle - MOST_BESIDE // 2) : middle + MOST_BESIDE]


def _rank_as_hub(drawing: Drawing, item: str) -> tuple[bool, bool, bool]:
    """A topic of the spine, else a major topic, else a heading."""
    return not drawing.on_path(item), not drawing.is_major(item), item not in drawing.headings


def _join(drawing: Drawing, hub: str, items: Iterable[str]) -> None:
    for item in items:
        if item != hub:
            drawing.link(hub, item, dashed=True)


def _lines(drawing: Drawing, ends: Grid[str], *, dashed: bool) -> Iterator[Line]:
    pieces = line_pieces(drawing, dashed=dashed)
    for names in touching_groups(pieces, reach=LINE_JOINS):
        line = tuple(sorted((pieces[name] for name in names), key=lambda piece: (piece.y, piece.x)))
        touched = tuple(sorted(_touched(drawing, line, ends), key=drawing.from_the_top))
        yield Line(line, touched, tuple(item for item in touched if drawing.is_station(item)))


def _touched(drawing: Drawing, line: Sequence[Box], ends: Grid[str]) -> list[str]:
    """The items that a line touches; of a touched frame, the frame alone, and no frame that the line runs in."""
    touched = dict.fromkeys(item for piece in line for item in ends.near(piece, LINE_TOUCHES))
    outside = {
        item: None
        for item in touched
        if item not in drawing.frames
        or any(piece.share_inside(ends.boxes[item]) <= RUNS_INSIDE for piece in line[:MOST_CARRIED])
    }
    return [item for item in outside if not any(frame in outside for frame in drawing.frames_around(item))]
